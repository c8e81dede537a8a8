r"""A variational autoencoder that completes what a user did, over the model's own item vectors.

Source: Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018,
https://arxiv.org/abs/1802.05814 (Mult-VAE). Where we deviate: the item side of encoder and decoder is the item table,
so nothing here grows with the catalogue; and the softmax runs over the items of a batch, some others, and of these only
the user's own interests.

Items of a batch are popular ones, so whatever competes there does so because it is popular: a plain softmax over them
learns how much likelier an item is for this user than for anybody, and ranks what hardly anybody wants first. So the
chance ``q_j`` of an item to compete is taken out of its score while training (Bengio and Senecal 2008,
https://doi.org/10.1109/TNN.2007.912312; for recommenders Yi et al., RecSys 2019,
https://doi.org/10.1145/3298689.3346996), and how often it occurs, ``n_j``, is given, not learnt anew:

.. math:: s_{uj} = g(z_u)^\top v_j + \log(1 + n_j), \qquad s'_{uj} = s_{uj} - \log q_j

``s`` ranks, ``s'`` is trained.
"""

from math import sqrt

import torch
from torch import Tensor, nn

from train.objectives.reconstruction import bounded_evidence

# Share of a user's items that the encoder does not see while training: the dropout of Mult-VAE.
HIDDEN = 0.5


class Completion(nn.Module):
    """Encoder and decoder.

    Attributes:
        steps: training steps so far, for the annealing of the KL term; a buffer, so that a resumed training goes on.
    """

    steps: Tensor

    def __init__(self, dim: int, *, kl_weight: float, kl_steps: int) -> None:
        """Start at the prior.

        Args:
            dim: of item vectors and latent.
            kl_weight: beta at the end of the annealing.
            kl_steps: after how many steps that is.
        """
        super().__init__()
        self.enter = nn.Linear(dim, dim)
        self.mean = nn.Linear(dim, dim)
        self.log_variance = nn.Linear(dim, dim)
        self.leave = nn.Linear(dim, dim)
        for linear in (self.enter, self.mean, self.leave):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        for parameter in (self.log_variance.weight, self.log_variance.bias):
            nn.init.zeros_(parameter)
        self.kl_weight = kl_weight
        self.kl_steps = kl_steps
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def posterior(self, total: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        r"""Return mean and log variance of the latent, both ``[..., dim]``.

        .. math::
            h = \tanh\Bigl(W \sqrt{d} \sum_{i \in H_u} v_i / \sqrt{|H_u|} + b\Bigr), \qquad
            \mu = W_\mu h + b_\mu, \qquad \log \sigma^2 = W_\sigma h + b_\sigma

        Args:
            total: the sum of the item vectors, ``[..., dim]``.
            count: how many there are, ``[...]``; of nothing the posterior is that of a sum of 0.
        """
        scale = sqrt(total.shape[-1]) / count.clamp(min=1).sqrt()
        hidden = torch.tanh(self.enter(total * scale[..., None]))
        return self.mean(hidden), self.log_variance(hidden)

    def queries(self, latent: Tensor) -> Tensor:
        """Return what is scored against item vectors, ``g(z)``, ``[..., dim]``."""
        return torch.tanh(self.leave(latent))

    def scores(self, latent: Tensor, vectors: Tensor, counts: Tensor) -> Tensor:
        """Return ``s``, ``[..., items]``.

        Args:
            latent: of users, ``[..., dim]``.
            vectors: of items, ``[items, dim]``.
            counts: how often each occurs in training, ``[items]``.
        """
        return self.queries(latent) @ vectors.T + torch.log1p(counts.to(vectors.dtype))

    def loss(self, vectors: Tensor, had: Tensor, allowed: Tensor, counts: Tensor, chance: Tensor) -> Tensor:
        """Return the loss of each user, ``[users]``; counts a step of training.

        Args:
            vectors: of the candidate items, ``[items, dim]``.
            had: which of them each user had, bool ``[users, items]``.
            allowed: which of them may be filled in, bool ``[users, items]``.
            counts: how often each of them occurs in training, ``[items]``.
            chance: of each of them to be a candidate, in (0, 1], ``[items]``.
        """
        shown = had & (torch.rand(had.shape, device=had.device) >= HIDDEN)
        mean, log_variance = self.posterior(shown.to(vectors.dtype) @ vectors, shown.sum(dim=1))
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        scores = self.scores(latent, vectors, counts) - chance.log().to(vectors.dtype)
        beta = self.kl_weight * (self.steps / self.kl_steps).clamp(max=1.0)
        if self.training:
            self.steps += 1
        return bounded_evidence(scores, had, allowed, mean, log_variance, beta)
