"""The facts that a reason may cite, and the sentences that they allow."""
