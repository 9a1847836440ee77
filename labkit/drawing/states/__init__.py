"""State machines as figures: `lab.states("order-flow")`.

* `graph`: a definition as states and arrows; `conditions` and `services` put rules and tasks into a few words
* `history`: what an execution did, from the events of GetExecutionHistory; `outcome` sums it up for each state
* `layout`, `paint`, `looks`: the picture; `words`: the same in plain English
* `account`: finds machines and executions; `figure` puts everything together; `lanes`: the retry timeline
"""
