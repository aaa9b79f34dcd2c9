"""Fields of handling of parameters: missing and bad gradients, the list of parameters, shapes and layouts."""

from __future__ import annotations

from harness.spec.fields.field import Field, Fields, Value

_SHAPES = {
    "as_usual": Value("it is stepped and decayed like a matrix with the same numbers"),
    "differs": Value("it takes another path"),
    "not_moved": Value("it never moves"),
    "not_decayed": Value("it moves, and weight decay does not change it"),
    "not_finite": Value("it becomes NaN or infinite"),
    "refused": Value("the constructor or the step raises"),
}
PARAMETERS: Fields = {
    "none_gradient": Field(
        "What happens to a parameter whose gradient is None?",
        "untouched",
        {
            "untouched": Value("nothing: the step skips it", "w = w", "your optimizer skips it as torch's optimizers do"),
            "decays": Value(
                "weight decay is applied to it", "w = w - lr * wd * w", "your optimizer decays all parameters at each step"
            ),
            "moves": Value(
                "it moves, also without weight decay",
                "w = w - lr * m",
                "your optimizer goes on with the momentum of earlier gradients",
            ),
            "refused": Value("the step raises", 'raise ValueError("no gradient")', "your optimizer needs all gradients"),
        },
    ),
    "sparse_gradient": Field(
        "Does the optimizer take sparse gradients?",
        "refused",
        {
            "refused": Value("no: it raises"),
            "accepted": Value("yes, and weight decay acts on all rows"),
            "named_rows_only": Value("yes, and only the rows that the gradient names decay", "lazy Adam"),
            "without_decay_only": Value("yes, and it raises if weight_decay is not 0", "torch.optim.SGD"),
            "differs": Value("yes, and the path is not that of the same dense gradient"),
        },
        met_by=("accepted", "without_decay_only"),
    ),
    "frozen": Field(
        "What happens to a parameter in the list that has requires_grad=False?",
        "untouched",
        {"untouched": Value("nothing"), "changed": Value("it changes"), "refused": Value("the constructor or the step raises")},
    ),
    "nan_gradient": Field(
        "What does a NaN in one parameter's gradient do to the other parameters?",
        "isolated",
        {
            "isolated": Value("nothing"),
            "skips_step": Value("no parameter takes that step", "a guard against non-finite gradients"),
            "refused": Value("the step raises", "a guard; eigh in Shampoo"),
            "spreads": Value("they take another path", "clipping by the global norm inside the optimizer"),
        },
    ),
    "zero_start": Field(
        "Do weights stay finite that start at 0 with a gradient of 0?",
        "finite",
        {
            "finite": Value("yes"),
            "not_finite": Value("no: they become NaN or infinite"),
            "refused": Value("the step raises"),
        },
    ),
    "tied": Field(
        "What happens to a weight that two modules share?",
        "once",
        {"once": Value("it is stepped and decayed once, like a weight of one module"), "differs": Value("it takes another path")},
    ),
    "repeated": Field(
        "What happens to a parameter that is listed twice in one group?",
        "refused",
        {
            "refused": Value("the constructor or the step raises"),
            "once": Value("it decays once in each step"),
            "twice": Value("it decays twice in each step"),
            "differs": Value("it decays by another amount"),
        },
        met_by=("once", "twice"),
    ),
    "repeated_across_groups": Field(
        "What happens to a parameter that two groups list?",
        "refused",
        {"refused": Value("the constructor raises"), "accepted": Value("it is accepted")},
    ),
    "parameter_order": Field(
        "Does the path of a parameter depend on the other parameters in the list?",
        "independent",
        {
            "independent": Value("no: it is the path that it takes alone"),
            "depends_on_others": Value("on the others, and not on their order", "a norm over all parameters"),
            "depends_on_order": Value("on its place in the list", "a learning rate by layer number"),
        },
    ),
    "mixed_dtypes": Field(
        "What happens to parameters of two precisions in one group?",
        "as_alone",
        {
            "as_alone": Value("each takes the path that it takes alone"),
            "differs": Value("some take another path"),
            "refused": Value("the constructor or the step raises"),
        },
    ),
    "zero_dim": Field("What happens to a scalar parameter (shape [])?", "as_usual", _SHAPES),
    "one_dim": Field("What happens to a vector?", "as_usual", _SHAPES),
    "four_dim": Field("What happens to a 4-D tensor, also in the memory format channels_last?", "as_usual", _SHAPES),
    "large_tensor": Field("What happens to a large tensor, of more than 65,536 numbers?", "as_usual", _SHAPES),
    "empty": Field(
        "What happens to a matrix beside a parameter without elements?",
        "as_usual",
        {
            "as_usual": Value("it takes the path that it takes alone"),
            "differs": Value("it takes another path, or does not move"),
            "refused": Value("the constructor or the step raises"),
        },
    ),
    "non_contiguous": Field(
        "What happens to a transposed parameter?",
        "as_usual",
        {
            **_SHAPES,
            "needs_alike_layout": Value("like a matrix if its gradient is transposed too, as autograd's are", "a fused kernel"),
        },
    ),
    "expanded": Field(
        "What happens to an expanded parameter, whose rows are the same memory?",
        "refused",
        {
            "refused": Value("the constructor or the step raises"),
            "accepted": Value("it is stepped"),
            "writes_beyond": Value("it is taken for a full tensor, and the step writes into memory behind it"),
        },
        met_by=("accepted",),
    ),
    "complex": Field("What happens to a complex parameter?", "as_usual", _SHAPES, met_by=("refused",)),
}
