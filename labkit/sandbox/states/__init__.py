"""The interpreter of the Amazon States Language, without any service around it.

A `Run` is one execution: plain data that can be copied with the account. A `Machine` moves it on. Whatever happens
later (a wait, a retry, a time-out) is asked of a `Host`, and so are the calls of tasks; nothing here sleeps, and no
thread is needed. The same inputs give the same history.

* `definition`, `fields`, `references`, `resources`: what a definition may say, and what AWS refuses
* `paths`, `scope`, `intrinsics`, `expressions`: JSONPath, `States.*` functions, JSONata
* `surroundings`: what the expressions of a state see; `flow`: how data goes through a state
* `machine`, `simple`, `choices`, `tasks`: one step after the other; `retries`, `recovery`: what happens after an error
* `branches`, `items`, `distributed`, `results`: Parallel and Map; `redrives`: doing again what failed
* `runs`: what an execution is; `errors`: how a state fails
"""
