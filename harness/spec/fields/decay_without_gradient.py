"""Fields of what weights do without a gradient, at zero, and without weight decay."""

from __future__ import annotations

from harness.spec.fields.field import Field, Fields, Value

DECAY_ALONE: Fields = {
    "idle_tensor": Field(
        "What happens to a tensor whose whole gradient is zero?",
        "decays",
        {
            "decays": Value("it decays as every other tensor does"),
            "untouched": Value("it does not decay in such a step", "if not g.any(): continue"),
        },
    ),
    "hidden_decay": Field(
        "Do weights without gradient shrink at weight_decay 0?",
        "none",
        {
            "none": Value("no: such a weight stays as it is"),
            "yes": Value("yes: it loses the same share at each step", "a decay that is built in"),
        },
    ),
    "weight_at_zero": Field(
        "Does weight decay move a weight that is exactly 0?",
        "stays",
        {
            "stays": Value("no"),
            "moves": Value("yes: the decay is not a share of the weight", "decay towards the initial weights"),
        },
    ),
    "unseen_rows": Field(
        "What happens to a row of an embedding whose gradient is zero at every step?",
        "decays",
        {
            "decays": Value("it decays like all other weights"),
            "untouched": Value("nothing", "lazy or sparse updates"),
            "moves": Value(
                "it moves in another way: without weight decay too, or weight decay makes it grow",
                "an 8-bit moment without an exact zero",
            ),
        },
    ),
    "default_weight_decay": Field(
        "What is weight_decay if it is not given?",
        "",
        takes="A number, such as `0.01`. Write no line if the default may change.",
    ),
}
