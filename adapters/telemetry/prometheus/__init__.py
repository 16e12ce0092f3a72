"""Metrics, in the words of Prometheus and of OpenTelemetry's conventions for generative AI."""
