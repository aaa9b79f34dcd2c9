"""Fields of options of the constructor."""

from __future__ import annotations

from harness.spec.fields.field import Field, Fields, Value

OPTIONS: Fields = {
    "default_options": Field(
        "Does the signature of the constructor name its defaults?",
        "stated",
        {"stated": Value("yes"), "hidden": Value("no: they are in keyword arguments or in the code")},
        met_by=("hidden",),
    ),
    "paths": Field(
        "Do the options foreach, fused, capturable and differentiable give the same weights as the for-loop?",
        "agree",
        {
            "agree": Value(
                "yes, up to rounding; also if the constructor has none of these options",
                "foreach=True and foreach=False: w = w - lr * wd * w - u",
                "these options change the speed of your optimizer, and not its result",
            )
        },
        {
            "differs": Value(
                "no: with one of these options the weights are different", "only foreach=True: w = w - 2 * lr * wd * w - u"
            )
        },
        ("agree_in_single", "absent", "refused"),
    ),
    "inert_options": Field(
        "Are there options that are accepted and change nothing?",
        "none",
        {
            "none": Value("no"),
            "some": Value("yes: with another value of the option, weights and state stay the same in every run that is tried"),
        },
    ),
    "unknown_option": Field(
        "What happens to an option that no optimizer has?",
        "refused",
        {"refused": Value("the constructor raises"), "swallowed": Value("it is accepted: a misspelt option has no effect")},
    ),
    "rejects": Field(
        "Are a negative lr, and a negative, NaN or infinite weight_decay, refused?",
        "some",
        {"all": Value("all of them"), "some": Value("some of them"), "none": Value("none of them")},
        met_by=("all", "none"),
    ),
    "equivalent_to": Field(
        "Which other optimizer gives the same weights, up to rounding?",
        "",
        takes="An import path, `module:attribute`. Write no line if there is no such optimizer. Declare `torch.optim:AdamW` if "
        "your optimizer is a faster AdamW. Both optimizers then take 40 steps on the same gradients, and their weights must "
        "agree. The tests also compare your optimizer with the recorded numbers (goldens) of that optimizer.",
    ),
}
