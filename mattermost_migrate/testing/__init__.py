"""What tests need: builders, a simulated cluster, fault injection. Never imported in production."""
