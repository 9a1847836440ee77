"""The interpreter of the Amazon States Language, without any service around it.

A `Run` is one execution: plain data that can be copied with the account. A `Machine` moves it on. Whatever happens
later (a wait, a retry, a time-out) is asked of a `Host`, and so are the calls of tasks; nothing here sleeps, and no
thread is needed. The same inputs give the same history.

* `definition`, `fields`, `resources`: what a definition may say, and what AWS refuses
* `paths`, `scope`, `intrinsics`, `expressions`: JSONPath, `States.*` functions, JSONata
* `flow`: how data goes through a state; `choices`: the rules of Choice; `retries`: who tries again, and when
* `machine`, `simple`, `tasks`, `branches`, `recovery`: one step after the other; `runs`: what an execution is
"""
