"""The gradient monitor of replicas: what is seen of all steps, and the rules on it."""
