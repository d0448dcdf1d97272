"""The artefacts of a study: trained models and generators, adversarial examples, cases, clips to listen to."""
