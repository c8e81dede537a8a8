r"""A variational autoencoder that completes a user's set of items, over the model's own item vectors.

Source: Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018,
https://arxiv.org/abs/1802.05814 (Mult-VAE). Deviations: the item side of encoder and decoder is the item table, so the
number of parameters does not grow with the catalogue; and the softmax runs over a sample, the items of the batch and
some random ones, restricted to the interests of the items that the encoder sees: the interests of a hidden item are not
known when a history is completed, and would tell where it lies.

Items of a batch are sampled in proportion to their popularity, so a plain softmax over them learns how much more likely
an item is for this user than on average, and ranks rare items first. The log of the probability ``q_j`` that an item is
a candidate is therefore subtracted from its score in training (Bengio and Senecal 2008,
https://doi.org/10.1109/TNN.2007.912312; for recommenders Yi et al., RecSys 2019,
https://doi.org/10.1145/3298689.3346996), and the item's count ``n_j`` enters as a fixed prior:

.. math:: s_{uj} = g(z_u)^\top v_j + \log(1 + n_j), \qquad s'_{uj} = s_{uj} - \log q_j

``s`` ranks items, ``s'`` is used in the loss.
"""

from math import sqrt

import torch
from torch import Tensor, nn

from train.objectives.reconstruction import negative_elbo
from train.plugins.corec_users import interest_counts

# Share of a user's items that is hidden from the encoder in training: the dropout of Mult-VAE.
INPUT_DROPOUT = 0.5


class Completion(nn.Module):
    """Encoder and decoder.

    Attributes:
        steps: number of training steps so far, for KL annealing; a buffer, so that it is part of a checkpoint.
    """

    steps: Tensor

    def __init__(self, dim: int, *, kl_weight: float, kl_steps: int) -> None:
        """Initialize the posterior to the prior.

        Args:
            dim: width of item vectors and latent.
            kl_weight: beta at the end of the annealing.
            kl_steps: number of annealing steps.
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
            count: the number of items, ``[...]``; 0 gives the posterior of a zero sum.
        """
        scale = sqrt(total.shape[-1]) / count.clamp(min=1).sqrt()
        hidden = torch.tanh(self.enter(total * scale[..., None]))
        return self.mean(hidden), self.log_variance(hidden)

    def queries(self, latent: Tensor) -> Tensor:
        """Return the query that is scored against item vectors, ``g(z)``, ``[..., dim]``."""
        return torch.tanh(self.leave(latent))

    def scores(self, latent: Tensor, vectors: Tensor, counts: Tensor) -> Tensor:
        """Return ``s``, ``[..., items]``.

        Args:
            latent: latents of users, ``[..., dim]``.
            vectors: item vectors, ``[items, dim]``.
            counts: occurrences of each item in training, ``[items]``.
        """
        return self.queries(latent) @ vectors.T + torch.log1p(counts.to(vectors.dtype))

    def loss(self, vectors: Tensor, interactions: Tensor, label: Tensor, counts: Tensor, chance: Tensor) -> Tensor:
        """Return the loss of each user, ``[users]``, and count a training step.

        Args:
            vectors: vectors of the candidate items, ``[items, dim]``.
            interactions: which candidates each user interacted with, bool ``[users, items]``.
            label: interest of each candidate, int64 ``[items]``.
            counts: occurrences of each candidate in training, ``[items]``.
            chance: probability of each item to be a candidate, in (0, 1], ``[items]``.
        """
        shown = interactions & (torch.rand(interactions.shape, device=interactions.device) >= INPUT_DROPOUT)
        allowed = (interest_counts(shown, label, int(label.max()) + 1) > 0)[:, label]
        mean, log_variance = self.posterior(shown.to(vectors.dtype) @ vectors, shown.sum(dim=1))
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        scores = self.scores(latent, vectors, counts) - chance.log().to(vectors.dtype)
        beta = self.kl_weight * (self.steps / self.kl_steps).clamp(max=1.0)
        if self.training:
            self.steps += 1
        return negative_elbo(scores, interactions, allowed, mean, log_variance, beta)
