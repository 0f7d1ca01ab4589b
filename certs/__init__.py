"""Certificates: a CA, serving certificates and the caBundle in webhook configurations."""
