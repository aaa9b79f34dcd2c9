"""Fields of the update rule and its precision, other than the rule itself."""

from __future__ import annotations

from harness.spec.fields.field import Field, Fields, Value

UPDATE: Fields = {
    "precision": Field(
        "In which precision are float64 weights updated?",
        "float64",
        {
            "float64": Value(
                "in float64 (double precision)", "w = 1 - 1e-10 stays as it is", "your optimizer computes in the dtype of w"
            ),
            "float32": Value(
                "in float32 (single precision), or the optimizer refuses float64 weights",
                "w = 1 - 1e-10 is rounded to 1",
                "your optimizer computes in float32; the tests then use wider tolerances",
            ),
            "float32_settings": Value(
                "weights in float64, but lr or weight_decay is rounded to float32",
                "lr = torch.tensor(0.1) is 0.1 + 1.5e-9",
                "your optimizer keeps its settings in float32 tensors; the tests then use wider tolerances",
            ),
        },
    ),
    "element_wise": Field(
        "Does each coordinate of a tensor take its path alone?",
        "yes",
        {
            "yes": Value("a coordinate's path depends on its own gradients and its own start", "Adam, SGD, Lion"),
            "no": Value("other coordinates change its path", "LAMB (a norm of the tensor), Muon, Adafactor"),
        },
    ),
    "scale_free": Field(
        "Are the steps the same if all gradients are multiplied by a number?",
        "yes",
        {
            "yes": Value("yes, also if each coordinate has a number of its own", "Adam with a small eps, Lion"),
            "by_tensor": Value("yes, if a tensor has one number for all its coordinates", "normalised SGD"),
            "no": Value("no: larger gradients give other steps", "SGD"),
        },
    ),
    "update_depends_on_weight": Field(
        "Does the update depend on the weight, at weight_decay 0?",
        "no",
        {
            "no": Value("no: the gradients alone give the steps", "Adam, SGD"),
            "proportional": Value("yes: the steps of larger weights are longer in proportion", "Adafactor with RMS(w)"),
            "yes": Value("yes, in another way", "LAMB, Prodigy, schedule-free"),
        },
    ),
    "sign_symmetric": Field(
        "Do weights and gradients of the other sign take the mirrored path, at weight_decay 0?",
        "yes",
        {
            "yes": Value("yes: the signs of all numbers change, and nothing else", "Adam, SGD, Lion"),
            "no": Value("no: something else than weights and gradients has a part in the update", "a probe of random numbers"),
        },
    ),
    "other_shapes": Field(
        "Do vectors and 4-D tensors take the same steps as matrices?",
        "same",
        {
            "same": Value("yes: the same numbers take the same path in every shape"),
            "differs": Value("no: another shape gets another update or another decay", "Muon with AdamW for vectors"),
            "refused": Value("other shapes are refused", "torch.optim.Muon"),
        },
    ),
    "first_step": Field(
        "Does the first call of step() move the weights?",
        "moves",
        {
            "moves": Value("yes"),
            "prepares": Value("no: it only fills the state", "ADOPT and SOAP as published"),
        },
    ),
    "adam_options": Field(
        "Does the constructor take Adam's constants, as `betas` and `eps`?",
        "taken",
        {
            "taken": Value("yes: `betas=(beta1, beta2)` and `eps=...` set them"),
            "fixed": Value("no: at least one of the two is fixed or has another name", "a class without `eps`"),
            "absent": Value("the update is not Adam's", "SGD, Lion, LAMB"),
        },
        met_by=("absent",),
    ),
    "adam_eps": Field(
        "Is Adam's eps added to the root of the second moment after its bias correction, or before?",
        "after_correction",
        {
            "after_correction": Value("after", "u = lr * m_hat / (sqrt(v_hat) + eps)", "your optimizer is written as torch's"),
            "before_correction": Value(
                "before, so that the correction divides eps too",
                "u = lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)",
                "your optimizer folds the bias correction into the step size, as many do",
            ),
            "absent": Value("the update is not Adam's", "SGD, Lion, LAMB"),
        },
        met_by=("absent",),
    ),
    "smallest_decay": Field(
        "What happens to a decay that is smaller than the rounding of the weight's precision?",
        "rounded",
        {
            "rounded": Value("it is rounded away: the weight stays as it is"),
            "accumulates": Value("it is kept and adds up over the steps", "master weights, Kahan summation"),
            "stochastic": Value("it is rounded up or down by chance", "stochastic rounding"),
            "never": Value("in some precision even a decay of 0.7 does not move a weight"),
            "rescaled": Value("no decay is small: the update rule divides it by its own size", "LAMB"),
        },
    ),
}
