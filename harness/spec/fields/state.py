"""Fields of handling of saved, loaded and copied optimizers."""

from __future__ import annotations

from harness.spec.fields.field import Field, Fields, Value

_RESUMED = {
    "checkpoint": Value("the value in the checkpoint"),
    "constructor": Value("the value of the constructor"),
    "stale_first_step": Value("the value of the constructor in the first step, then the value in the checkpoint"),
    "neither": Value("neither of them: another value, or none"),
    "refused": Value("saving or loading raises"),
}
_COPIED = {
    "same": Value("yes, to rounding"),
    "shares_state": Value("no: the steps of the copy change the original"),
    "differs": Value("no: it takes another path"),
    "refused": Value("it raises"),
}
STATE: Fields = {
    "state_dict": Field(
        "Does a run continue unchanged after its state dict was saved and loaded into a new optimizer?",
        "identical",
        {
            "identical": Value("yes, bit for bit"),
            "to_rounding": Value("yes, to rounding"),
            "to_single_rounding": Value("yes, to the rounding of float32", "torch casts the state to the weight's precision"),
            "differs": Value("no"),
            "refused": Value("saving or loading raises"),
        },
        met_by=("to_rounding", "to_single_rounding"),
    ),
    "resume_weight_decay": Field("Which weight_decay counts after a state dict is loaded?", "checkpoint", _RESUMED),
    "resume_lr": Field("Which lr counts after a state dict is loaded?", "checkpoint", _RESUMED),
    "pickle": Field("Does a run continue unchanged after the optimizer was pickled with its weights?", "same", _COPIED),
    "deepcopy": Field("Does a run continue unchanged after the optimizer was deep-copied with its weights?", "same", _COPIED),
    "state_precision": Field(
        "Does loading a state dict keep the precision of the state?",
        "kept",
        {
            "kept": Value("yes"),
            "cast": Value("no: a tensor gets the precision of its weight, as torch does"),
            "no_state": Value("the state holds no tensors"),
            "refused": Value("saving or loading raises"),
        },
        met_by=("no_state",),
    ),
}
