"""Fields of the decay itself: coupling, scale, order, update rule, mask, strength, groups, weights with a zero gradient."""

from __future__ import annotations

from harness.spec.fields.field import Field, Fields, Value

_NOT_DECOUPLED = "`coupling` is `coupled_l2`, `inside_sign` or `through_norm`"
# In the formulas, w is the weight, g the gradient, lr the learning rate of the step, wd the
# weight_decay, and u the update that the same step would subtract without weight decay.
DECAY: Fields = {
    "coupling": Field(
        "Where is weight decay applied: to the weight, to the gradient or to the update?",
        "decoupled",
        {
            "decoupled": Value(
                "weight decay changes the weight directly; the gradient and the update do not contain it",
                "w = w - lr * wd * w - u",
                "your optimizer decays as torch's AdamW does",
            ),
            "coupled_l2": Value(
                "weight decay is added to the gradient; the update rule uses the sum as its gradient",
                "g = g + wd * w; u = update(g); w = w - u",
                "your optimizer decays as torch's Adam or SGD does",
            ),
            "inside_sign": Value(
                "weight decay is added before the sign is taken; it can change the direction of a step, and not its length",
                "w = w - lr * sign(g + wd * w)",
                "your optimizer takes the sign of a sum that contains weight decay",
            ),
            "through_norm": Value(
                "weight decay is added to the update, and a norm (a trust ratio) then rescales the sum",
                "d = m / (sqrt(v) + eps) + wd * w; w = w - lr * norm(w) / norm(d) * d",
                "your optimizer decays as LAMB does",
            ),
            "inside_momentum": Value(
                "weight decay is added to a momentum, and not to the gradient; so it acts in later steps too",
                "m = b * m + g / norm(g) + wd * w; w = w - lr * m",
                "your optimizer decays as NovoGrad does",
            ),
            "averaged": Value(
                "weight decay changes the point z on which the update rule acts; the weight is an average of such points",
                "z = z - lr * wd * w - u; w = average of z",
                "your optimizer is schedule-free, or looks ahead",
            ),
            "none": Value(
                "weight_decay has no effect",
                "w = w - u",
                "your optimizer has no weight decay",
            ),
        },
    ),
    "scale": Field(
        "What is weight_decay multiplied by at each step?",
        "lr",
        {
            "lr": Value(
                "the learning rate of this step",
                "w = w - lr * wd * w - u",
                "your optimizer decays as torch's AdamW does",
            ),
            "schedule": Value(
                "the learning rate of this step divided by the learning rate at the start",
                "w = w - (lr / lr_start) * wd * w - u",
                "the decay must follow the schedule, and must not depend on the initial learning rate",
            ),
            "constant": Value(
                "nothing: the decay does not depend on the learning rate",
                "w = w - wd * w - u",
                "the decay must stay the same when the learning rate changes",
            ),
            "lr_squared_over_max": Value(
                "the square of the learning rate, divided by the largest learning rate so far",
                "w = w - (lr * lr / lr_max) * wd * w - u",
                "your optimizer decays as AdamC does",
            ),
            "gradient": Value(
                "the same factor by which the update rule multiplies the gradient",
                "SGD: w = w - lr * (g + wd * w)",
                _NOT_DECOUPLED,
            ),
        },
        {
            "initial_lr": Value(
                "the learning rate at the start, even after the schedule has changed it", "w = w - lr_start * wd * w - u"
            ),
            "previous_lr": Value("the learning rate of the previous step", "w = w - lr_previous * wd * w - u"),
            "bias_corrected_lr": Value(
                "Adam's step size with bias correction, which changes during the first steps",
                "w = w - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * wd * w - u",
            ),
            "lr_squared": Value(
                "the square of the learning rate: the decay is multiplied by lr two times", "w = w - lr * lr * wd * w - u"
            ),
        },
    ),
    "order": Field(
        "Is weight decay applied before or after the update?",
        "before",
        {
            "before": Value(
                "before: the decay is computed from the old weight",
                "w = w - lr * wd * w; w = w - u",
                "your optimizer decays as torch's AdamW does",
            ),
            "after": Value(
                "after: the decay is computed from the updated weight",
                "w = w - u; w = w - lr * wd * w",
                "your optimizer first updates the weight, and then decays it",
            ),
            "proximal": Value(
                "after, as a division instead of a subtraction",
                "w = (w - u) / (1 + lr * wd)",
                "your optimizer decays by a proximal (implicit) step",
            ),
            "inside": Value(
                "neither: it is part of the update",
                "SGD: w = w - lr * (g + wd * w)",
                "`coupling` is `coupled_l2`, `inside_sign`, `through_norm` or `inside_momentum`",
            ),
        },
    ),
    "step_rule": Field(
        "What is the update rule, without weight decay?",
        "adam",
        {
            "adam": Value(
                "Adam with bias correction (Kingma and Ba): the first moment over the root of the second moment",
                "u = lr * m_hat / (sqrt(v_hat) + eps)",
                "your optimizer updates as torch's Adam and AdamW do, without amsgrad",
            ),
            "sgd": Value("the learning rate times the gradient", "u = lr * g", "your optimizer is SGD without momentum"),
            "momentum": Value(
                "the learning rate times a running sum of gradients",
                "b = mu * b + g; u = lr * b",
                "your optimizer is SGD with momentum",
            ),
            "sign": Value(
                "the learning rate times a sign: each coordinate changes by lr or not at all",
                "u = lr * sign(m)",
                "your optimizer is Lion or signSGD",
            ),
            "orthogonal": Value(
                "a matrix whose singular values are all equal, or nearly equal",
                "u = lr * orthogonalize(m)",
                "your optimizer is Muon",
            ),
            "other": Value(
                "any other rule",
                "RMSprop: u = lr * g / (sqrt(v) + eps)",
                "no other value fits, for example for AMSGrad, RMSprop or Adafactor",
            ),
        },
    ),
    "mask": Field(
        "Does weight decay act on all coordinates of a weight, or only on those that a mask selects?",
        "none",
        {
            "none": Value(
                "there is no mask: all coordinates decay",
                "w = w - lr * wd * w - u",
                "your optimizer decays as torch's AdamW does",
            ),
            "cautious": Value(
                "a coordinate decays unless the update moves it away from zero",
                "w = w - lr * wd * w * (u * w >= 0) - u",
                "your optimizer has cautious weight decay",
            ),
        },
    ),
    "strength": Field(
        "Which constant number multiplies the decay, in addition to `scale` and weight_decay?",
        1.0,
        takes="A number above 0. Each step subtracts `strength * scale * wd * w`. With `scale: lr`, the number `1` gives torch's "
        "AdamW: `w = w - lr * wd * w - u`. Declare `0.5` if your optimizer subtracts half as much. Declare `2` if it subtracts "
        "twice as much, for example because its penalty is `wd * w^2`, whose gradient is `2 * wd * w`. A number below 0 is a "
        "fault: weights grow.",
    ),
    "groups": Field(
        "Which weight_decay does a parameter use: that of its group, or that of the constructor?",
        "own",
        {
            "own": Value(
                "that of its parameter group, which is read at each step",
                'w = w - lr * group["weight_decay"] * w - u',
                "your optimizer reads its groups as torch's optimizers do",
            ),
            "constructor": Value(
                "that of the constructor; a value in a group has no effect",
                "w = w - lr * self.weight_decay * w - u",
                "your optimizer has one weight_decay for all parameters",
            ),
            "first": Value(
                "that of the first group, for the parameters of all groups",
                'w = w - lr * groups[0]["weight_decay"] * w - u',
                "your optimizer reads its settings from the first group only",
            ),
            "refused": Value(
                "that of the constructor; groups with a weight_decay of their own are refused",
                "w = w - lr * self.weight_decay * w - u",
                "your optimizer takes a list of parameters and no groups",
            ),
        },
        {
            "captured": Value(
                "that of its group at the start; a later change in the group has no effect",
                "w = w - lr * weight_decay_at_start * w - u",
            )
        },
    ),
    "zero_gradient": Field(
        "What happens to a weight whose gradient is exactly zero?",
        "decays",
        {
            "decays": Value(
                "it decays as every other weight does", "w = w - lr * wd * w - u", "your optimizer decays as torch's AdamW does"
            ),
            "untouched": Value(
                "it does not decay",
                "w = w - lr * wd * w * (g != 0) - u",
                "your optimizer skips such weights, for example the rows of an embedding that a batch does not use",
            ),
        },
        {"grows": Value("weight decay makes it grow", "w = w + lr * wd * w - u")},
    ),
}
