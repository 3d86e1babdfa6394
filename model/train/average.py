"""A running mean of a model's parameters: what training leaves behind once its noise is averaged
out. Owns the copies; knows no optimizer. Polyak and Juditsky 1992; here with an exponential
window, as in Tarvainen and Valpola 2017, arXiv:1703.01780."""
import torch

YOUNG = 10  # steps after which a mean begins to be one: the window is at most a share of the past


class Average:
    """decay: of what is kept a step; the window is about 1 / (1 - decay) steps."""

    def __init__(self, parameters, decay):
        self.parameters, self.decay = list(parameters), decay
        self.mean = [p.detach().clone() for p in self.parameters]
        self.steps = 0

    @torch.no_grad()
    def take(self):
        """The parameters as they are now are one step more."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + YOUNG))
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.parameters], 1 - decay)

    @torch.no_grad()
    def swap(self):
        """Mean and parameters change places: once to look at the mean, once to go back."""
        for p, mean in zip(self.parameters, self.mean):
            kept = p.detach().clone()
            p.copy_(mean)
            mean.copy_(kept)
