"""Readers of queues and streams: Lambda's event source mappings and the pipes of EventBridge.

A reader waits until its source has something, takes a batch, lets its consumer handle it, and answers the source for
it: it deletes messages, or moves on in the stream. Nothing here runs in a thread. A source wakes its readers
(`readers.wake`), the reading is due work on the account's clock, and a reader whose source is empty has none.

    readers.py    who reads what, and how a service registers its kind of reader
    queues.py     SQS queues: batches, windows, filters, side by side, and what failed comes back
    streams.py    DynamoDB and Kinesis streams: shards in order, retries, checkpoints
    shards.py     where moto keeps the records of streams
    records.py    the forms in which records are handed over
    outcomes.py   what the consumer says about a batch
    rights.py     whether the reader's role may read

A consumer may take its time on the clock, as a function that sleeps does. It says `readers.ended` when it has
handled a batch; until then the batch stands in the reader's `Reading`, which is plain data and copied with the account.
"""
