"""``pocketrec audit``: a device's session with its network watched, and every byte that left.

On Linux the kernel stops the system calls that could reach another process or machine and reports them
(:mod:`edge_runtime.audit.system_calls`): of child processes, threads, native libraries and static programs alike.
Elsewhere only what Python itself does is seen, and the report says so.
"""
