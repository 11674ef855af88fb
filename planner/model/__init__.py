"""The linear programme: its columns, its rules with their equations, and what a plan is measured by."""
