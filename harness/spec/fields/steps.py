"""Fields of handling of steps: gradients, closures, learning rates, random numbers."""

from __future__ import annotations

from harness.spec.fields.field import Field, Fields, Value

STEPS: Fields = {
    "step_arguments": Field(
        "Can step() be called without arguments?",
        "none",
        {
            "none": Value("yes"),
            "closure": Value("no: it needs a closure that computes the loss and the gradients again", "SAM, LBFGS"),
        },
    ),
    "gradient_kept": Field(
        "Does a step leave .grad as it is?",
        "kept",
        {
            "kept": Value("yes, bit for bit"),
            "changed": Value("no: it writes into it", "g.add_(w, alpha=weight_decay) in place"),
            "cleared": Value("no: it sets it to zero or to None"),
        },
    ),
    "zero_lr": Field(
        "What does a step do at a learning rate of 0?",
        "identity",
        {
            "identity": Value("nothing"),
            "decays": Value("weights decay: the decay is not multiplied by the learning rate"),
            "moves": Value("weights move: an earlier learning rate counts"),
            "stays_off": Value("nothing, and later steps do nothing either"),
            "not_finite": Value("weights become NaN or infinite"),
            "refused": Value("the optimizer refuses a learning rate of 0"),
        },
    ),
    "lr_tensor": Field(
        "Does the optimizer take a learning rate that is a 0-dim tensor?",
        "same",
        {
            "same": Value("yes, and it gives the same path as a number"),
            "same_in_single": Value("yes, and it is rounded to float32"),
            "differs": Value("yes, and it gives another path"),
            "refused": Value("no: the constructor or the step raises"),
        },
        met_by=("same_in_single", "refused"),
    ),
    "closure": Field(
        "What does step(closure) do?",
        "as_plain",
        {
            "as_plain": Value("it calls the closure, takes the usual step and returns the loss"),
            "several": Value(
                "it calls the closure several times, and takes the usual step if the gradients stay the same", "SAM"
            ),
            "loss_lost": Value("it calls the closure and takes the usual step, and does not return the loss"),
            "not_called": Value("it never calls the closure"),
            "without_grad": Value("it calls the closure with gradients switched off, so that backward() would fail"),
            "differs": Value("it takes another step"),
            "refused": Value("it raises"),
        },
    ),
    "deterministic": Field(
        "Do two runs give the same weights?",
        "yes",
        {
            "yes": Value("yes, bit for bit"),
            "seeded": Value("yes, if the random seeds of torch are the same", "stochastic rounding, gradient noise"),
            "no": Value("no, also not from the same seeds"),
        },
    ),
    "micro_steps": Field(
        "Does a step after several backward passes decay once?",
        "once",
        {"once": Value("yes: it is the step after one backward pass"), "differs": Value("no: it is another step")},
    ),
    "clip": Field(
        "Does clipping of the gradient change the amount that weight decay takes?",
        "gradient_only",
        {
            "gradient_only": Value("no"),
            "decay_too": Value("yes", "coupled L2: the update rule divides the decay by the size of the gradients"),
        },
        met_by=("decay_too",),
    ),
    "grad_scaler": Field(
        "Does torch's GradScaler skip a step with infinite gradients?",
        "skipped",
        {
            "skipped": Value("yes, and other scaled steps are the usual ones"),
            "weights_change": Value("no: the skipped step changes weights"),
            "state_changes": Value("no: the skipped step changes the state"),
            "differs": Value("a scaled step is not the usual one"),
            "refused": Value("the scaled step raises"),
        },
    ),
    "moved_outside_step": Field(
        "Does anything but step() change a weight?",
        "never",
        {
            "never": Value("no"),
            "construction": Value("yes: the constructor or add_param_group", "a decay at construction"),
            "checkpoint": Value("yes: state_dict() or load_state_dict()"),
            "zero_grad": Value("yes: zero_grad()"),
            "modes": Value("yes: train() or eval()", "schedule-free, which exchanges two sets of weights"),
        },
    ),
    "maximize": Field(
        "Does maximize=True with the negative gradient give the same weights as maximize=False with the gradient?",
        "as_minimize_of_minus_g",
        {
            "as_minimize_of_minus_g": Value(
                "yes, and weights still shrink by weight decay; also if the constructor has no option maximize",
                "maximize=True: w = w - lr * wd * w + u",
                "maximize=True reverses the update of your optimizer, and not its decay",
            )
        },
        {
            "decay_flipped": Value(
                "no: weights grow by the amount by which they should shrink", "maximize=True: w = w + lr * wd * w + u"
            ),
            "decay_lost": Value("no: weights do not decay", "maximize=True: w = w + u"),
            "ignored": Value("no: maximize=True has no effect", "maximize=True: w = w - lr * wd * w - u"),
        },
        ("absent", "refused"),
    ),
}
