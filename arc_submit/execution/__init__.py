"""Running programs that a model wrote, judging what they made and pruning what they did not need.

A program passes four fences, each of which stands where the one before it falls:

1. ``guard``: an allow-list over the syntax tree. One function ``task(img)`` that computes; no
   import, ``while``, ``try``, attribute or call that is not on a list.
2. ``child``: a process of its own with a scrubbed environment, standard streams that lead
   nowhere, a fresh namespace for each program, builtins from a list and a wall-clock alarm.
3. ``sandbox`` and ``syscalls``: the kernel bounds the child's memory, CPU time and files, and
   refuses every system call but some twenty that compute or answer: no file is opened, changed or
   looked up, no socket made, no process or thread started, no signal sent.
4. ``pool``: the parent kills a child that does not answer in time, charges only the program that
   was running, and checks every byte that a child sends (``wire``) before it becomes a grid.

What this does not cover. A program that gets past the guard, by a hole in the interpreter or in
numpy, owns its child: it can change the language for the programs behind it there, read their
sources and inputs, answer in their place, and turn off the alarm and the CPU limit, but not the
memory limit or the watchdog. Faults of the kernel behind the calls that are left, and what can be
told from timing, are not covered either.

Limits that a machine refuses are left out: ``pool.find_missing_limits`` names them. Without the
system-call filter (no Linux, neither x86-64 nor 64-bit ARM, a kernel that forbids it), a program
past the guard can remove and rename what its user may, can open files and sockets once it has
closed one of its three descriptors, and, as root, can lift its limits and start a process that
outlives the child. Elsewhere than on Linux the guard, the alarm and the watchdog hold, and little
else.

One program in 32 is run again and fails if it makes something else; of the rest it is not known.
A program close to its time limit may pass on one run and time out on the next, and the order of a
set of functions or other objects may differ between children.

The child imports this package: nothing may be imported here.
"""
