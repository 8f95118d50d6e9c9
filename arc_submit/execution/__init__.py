"""Running programs that a model wrote, judging what they made and pruning what they did not need.

A program passes three fences, each of which stands where the one before it falls:

1. ``guard``: an allow-list over the syntax tree. One function ``task(img)`` that computes; no
   import, ``while``, ``try``, attribute or call that is not on a list.
2. ``child``: a process of its own with a scrubbed environment, standard streams that lead
   nowhere, a fresh namespace for each program, builtins from a list, a wall-clock alarm, and
   ``sandbox``'s limits on address space, CPU time, files, processes and privileges.
3. ``pool``: the parent kills a child that does not answer in time, charges only the program that
   was running, and checks every byte that a child sends (``wire``) before it becomes a grid.

What this does not cover: a program that gets past the guard by a hole in the interpreter or in
numpy has the child's user, can read what that user can read once it has freed a file descriptor,
can reach the network, and can change the child for the programs behind it or forge their answers.
There is no system-call filter and no user or network namespace; the limit on processes does not
hold for root, whose process could start one that outlives the child. Limits are enforced on Linux;
elsewhere the guard, the alarm and the parent's watchdog remain. A program close to its time limit
may pass on one run and time out on the next.

The child imports this package: nothing may be imported here.
"""
