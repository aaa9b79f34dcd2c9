"""Fields of handling of parameter groups."""

from __future__ import annotations

from harness.spec.fields.field import Field, Fields, Value

_OF_ANOTHER = {
    "decay_of_constructor": Value("the constructor's weight_decay counts, not its own"),
    "lr_of_constructor": Value("the constructor's lr counts, not its own"),
    "constructor": Value("the constructor's lr and weight_decay count, not its own"),
    "decay_of_first_group": Value("the first group's weight_decay counts, not its own"),
    "first_group": Value("the first group's lr and weight_decay count, not its own"),
}
GROUPS: Fields = {
    "add_param_group": Field(
        "What happens to a parameter that joins during the run, by add_param_group?",
        "as_fresh",
        {
            "as_fresh": Value("it takes the path of a fresh optimizer, with its own lr and weight_decay or the constructor's"),
            "ignored": Value("it never moves"),
            "decay_of_constructor": _OF_ANOTHER["decay_of_constructor"],
            "lr_of_constructor": _OF_ANOTHER["lr_of_constructor"],
            "not_decayed": Value("it does not decay"),
            "differs": Value("it takes another path", "a step counter that all parameters share"),
            "refused": Value("add_param_group raises"),
        },
    ),
    "group_options": Field(
        "Which lr and weight_decay count in the second of two groups?",
        "own",
        {
            "own": Value("its own"),
            **_OF_ANOTHER,
            "differs": Value("other values"),
            "refused": Value("the constructor refuses several groups"),
        },
    ),
    "exempt_first": Field(
        "If the first group has weight_decay 0, do the groups after it decay?",
        "decayed",
        {
            "decayed": Value("yes: each group takes the path that it takes alone"),
            "not_decayed": Value("no"),
            "not_moved": Value("some parameter never moves"),
            "exempt_decays": Value("yes, and so does the group with weight_decay 0"),
            "differs": Value("some group takes another path"),
            "refused": Value("the constructor refuses several groups"),
        },
    ),
    "empty_group": Field(
        "What happens to a group without parameters?",
        "accepted",
        {
            "accepted": Value("it is kept, and the other groups take their usual paths"),
            "dropped": Value("it is left out, so that code that counts groups by their place finds another one"),
            "differs": Value("the other groups take another path"),
            "refused": Value("the constructor raises"),
        },
    ),
    "callers_groups": Field(
        "What happens to the dicts that the caller gives as groups?",
        "untouched",
        {
            "untouched": Value("nothing"),
            "defaults_written": Value("the optimizer adds keys to them, as torch's does"),
            "values_changed": Value("the optimizer changes values in them"),
            "refused": Value("the constructor raises: the optimizer takes no groups"),
        },
        met_by=("defaults_written",),
    ),
    "weight_decay_schedule": Field(
        "If a weight_decay is written into the group before the first step, does it count from that step on?",
        "counts",
        {
            "counts": Value("yes"),
            "ignored": Value("no: the constructor's counts"),
            "differs": Value("another value counts"),
            "refused": Value("the step raises"),
        },
    ),
}
