"""Generated from `proto/` by `just proto`; do not edit."""
