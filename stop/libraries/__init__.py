"""What several tasks share: a task that says libraries = ["NAME"] in task.toml has NAME.py run before its task.py.

Owns: nothing of its own; each file here is one library. Does not own: which task uses which (task).
"""
