"""The gradient monitor of replicas: observes all steps and diagnoses the training."""
