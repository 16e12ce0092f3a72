"""Several workers that are one server: what they tell their supervisor, and how it shows them as one."""
