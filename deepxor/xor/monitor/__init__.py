"""The gradient monitor of replicas: its records of all steps, and the rules on them."""
