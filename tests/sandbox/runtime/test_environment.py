"""What a function finds around it: its own files, variables, log and context, kept from call to call."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import pytest

from labkit.errors import LabkitError
from labkit.sandbox.runtime import LOG_KEPT, Busy, Invocation


def test_a_module_keeps_its_state_between_calls_and_environments_share_none(functions: Any) -> None:
    code = "count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count"
    first, second = functions.start(code), functions.start(code)
    assert [functions.value(functions.call(first)) for _ in range(3)] == [1, 2, 3]
    assert functions.value(functions.call(second)) == 1


def test_only_the_first_call_reports_the_init_duration(functions: Any) -> None:
    environment = functions.start("def handler(event, context): return 1")
    first, second = functions.call(environment), functions.call(environment)
    assert first.init_ms == environment.init_ms
    assert 0 < first.init_ms < 10_000
    assert second.init_ms is None


def test_tmp_is_the_environments_own_and_stays_while_it_is_warm(functions: Any) -> None:
    code = """
    import os, pathlib, shutil, sqlite3, tempfile, zipfile
    def handler(event, context):
        seen = sorted(os.listdir("/tmp"))
        with open("/tmp/plain.txt", "a") as file:
            file.write(event)
        pathlib.Path("/tmp/deep/er").mkdir(parents=True, exist_ok=True)
        pathlib.Path("/tmp/deep/er/note.txt").write_text(event)
        shutil.copy("/tmp/plain.txt", "/tmp/copy.txt")
        os.replace("/tmp/copy.txt", "/tmp/moved.txt")
        with zipfile.ZipFile("/tmp/all.zip", "w") as archive:
            archive.write("/tmp/plain.txt", "plain.txt")
        with sqlite3.connect("/tmp/data.db") as data:
            data.execute("create table if not exists seen (word text)")
            data.execute("insert into seen values (?)", [event])
            rows = data.execute("select count(*) from seen").fetchone()[0]
        with tempfile.NamedTemporaryFile(dir="/tmp") as scratch:
            named = scratch.name
        with tempfile.TemporaryDirectory() as folder:
            inside = folder
            open(folder + "/x", "w").close()
        found = sorted(os.path.join(base, name) for base, _, names in os.walk("/tmp") for name in names)
        return [seen, open("/tmp/plain.txt").read(), rows, named.startswith("/tmp/"), inside.startswith("/tmp/"),
                os.path.exists(inside), found]
    """
    first, other = functions.start(code), functions.start(code)
    files = ["/tmp/all.zip", "/tmp/data.db", "/tmp/deep/er/note.txt", "/tmp/moved.txt", "/tmp/plain.txt"]
    assert functions.value(functions.call(first, "a")) == [[], "a", 1, True, True, False, files]
    assert functions.value(functions.call(first, "b"))[1:3] == ["ab", 2]
    assert functions.value(functions.call(other, "c"))[:3] == [[], "c", 1]


def test_programs_find_tmp_under_tmpdir(functions: Any) -> None:
    code = """
    import os, subprocess
    def handler(event, context):
        os.system("echo from a shell > $TMPDIR/word.txt")
        shown = subprocess.run("cat $TMPDIR/word.txt", shell=True, capture_output=True, text=True).stdout
        return [shown, open("/tmp/word.txt").read(), "TMPDIR" in os.environ]
    """
    assert functions.value(functions.run(code)) == ["from a shell\n", "from a shell\n", False]


def test_the_folder_goes_with_the_environment(functions: Any) -> None:
    environment = functions.start("def handler(event, context): open('/tmp/x', 'w')")
    functions.call(environment)
    folder = environment._folder
    assert (folder / "tmp" / "x").exists()
    environment.stop()
    assert not folder.exists()


def test_what_it_finds_in_its_package_and_layers(functions: Any) -> None:
    bottom = functions.package("", {"python/orchard.py": "version = 1", "python/fruit.py": "name = 'apple'"})
    top = functions.package("", {"python/orchard.py": "version = 2", "data/prices.txt": "apple 3"})
    code = """
    import json, os, orchard, fruit, helper
    def handler(event, context):
        here = os.getcwd()
        return [orchard.version, fruit.name, helper.word, here, open("data/list.json").read(),
                open("/var/task/data/list.json").read(), open("/opt/data/prices.txt").read(),
                os.path.exists(os.environ["LAMBDA_TASK_ROOT"] + "/helper.py")]
    """
    result = functions.run(
        code, files={"helper.py": "word = 'mine'", "data/list.json": "[1]"}, layers=(bottom, top)
    )
    assert functions.value(result) == [2, "apple", "mine", "/var/task", "[1]", "[1]", "apple 3", True]


def test_a_layer_without_its_python_folder_is_not_found(functions: Any) -> None:
    layer = functions.package("", {"orchard.py": "version = 1"})
    result = functions.run("import orchard", layers=(layer,))
    assert result.error.message == "Unable to import module 'app': No module named 'orchard'"


@pytest.mark.parametrize("version", ["python3.14", f"python{sys.version_info[0]}.{sys.version_info[1]}"])
def test_the_version_specific_folder_of_a_layer(functions: Any, version: str) -> None:
    layer = functions.package("", {f"python/lib/{version}/site-packages/orchard.py": "version = 1"})
    code = "import orchard\ndef handler(event, context): return orchard.version"
    assert functions.value(functions.run(code, layers=(layer,), runtime="python3.14")) == 1


def test_a_layer_for_another_runtime_is_not_found(functions: Any) -> None:
    layer = functions.package("", {"python/lib/python3.1/site-packages/orchard.py": "version = 1"})
    assert functions.run("import orchard", layers=(layer,)).error is not None


def test_packages_put_into_tmp_can_be_imported(functions: Any) -> None:
    code = """
    import sys
    def handler(event, context):
        open("/tmp/late.py", "w").write("word = 'late'")
        sys.path.append("/tmp")
        import late
        return late.word
    """
    assert functions.value(functions.run(code)) == "late"


def test_its_own_variables_and_nobody_elses(functions: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    result = functions.run(
        "import os\ndef handler(event, context): return dict(os.environ)",
        environment={"STAGE": "prod", "AWS_REGION": "mars", "LANG": "de"},
        access_key="ASIAEXAMPLE", session_token="token", log_stream="2026/11/23/[$LATEST]abc", memory_mb=256,
    )  # fmt: skip
    found = functions.value(result)
    wanted = {
        "STAGE": "prod", "LANG": "de", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
        "_HANDLER": "app.handler", "AWS_LAMBDA_FUNCTION_NAME": "orders", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[$LATEST]abc", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SESSION_TOKEN": "token", "TZ": ":UTC",
    }  # fmt: skip
    assert {name: found.get(name) for name in wanted} == wanted
    assert (
        not {"JUPYTER_TOKEN", "HOME", "HTTP_PROXY", "PYTHONPATH", "LABKIT_HOME", "MALLOC_ARENA_MAX"}
        & found.keys()
    )


def test_the_context_is_complete(functions: Any) -> None:
    code = """
    import os
    def handler(event, context):
        client, identity = context.client_context, context.identity
        return {
            "ids": [context.aws_request_id, context.function_name, context.function_version,
                    context.invoked_function_arn, context.memory_limit_in_mb, context.log_group_name,
                    context.log_stream_name, context.tenant_id],
            "client": client and [client.client.app_title, client.custom, client.env],
            "identity": [identity.cognito_identity_id, identity.cognito_identity_pool_id],
            "left": context.get_remaining_time_in_millis(),
            "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            "shown": repr(context),
        }
    """
    environment = functions.start(code, version="3", log_stream="stream", timeout_s=30)
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:orders:live"
    said = functions.value(
        functions.call(
            environment,
            invoked_arn=arn, trace_id="Root=1-2", tenant_id="blue",
            client_context={"client": {"app_title": "Shop"}, "custom": {"a": 1}, "env": {"b": 2}},
            identity={"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"},
        )
    )  # fmt: skip
    request = functions.REQUEST
    assert said["ids"] == [request, "orders", "3", arn, "128", "/aws/lambda/orders", "stream", "blue"]
    assert said["client"] == ["Shop", {"a": 1}, {"b": 2}]
    assert said["identity"] == ["id", "pool"]
    assert 29_000 < said["left"] <= 30_000
    assert said["trace"] == "Root=1-2"
    assert said["shown"].startswith(
        f"LambdaContext([aws_request_id={request},log_group_name=/aws/lambda/orders,"
    )
    plain = functions.value(functions.call(environment))
    assert (plain["client"], plain["identity"], plain["trace"]) == (None, [None, None], None)
    assert plain["ids"][3] == "arn:aws:lambda:eu-west-1:123456789012:function:orders"


def test_the_log_has_everything_in_order_and_call_by_call(functions: Any) -> None:
    code = """
    import logging, os, subprocess, sys
    print("loading")
    logging.getLogger().setLevel("INFO")
    def handler(event, context):
        print("one", end=" ")
        print("two", file=sys.stderr)
        os.system("echo three")
        os.write(1, b"four\\n")
        subprocess.run(["sh", "-c", "echo five >&2"])
        logging.info("six")
        context.log("seven")
    """
    environment = functions.start(code)
    assert environment.init_logs == "loading\n"
    result = functions.call(environment)
    lines = result.logs.splitlines()
    assert lines[:4] == ["one two", "three", "four", "five"]
    level, when, request, message = lines[4].split("\t")
    assert (level, request, message) == ("[INFO]", functions.REQUEST, "six")
    assert when.endswith("Z")
    assert lines[5] == "seven"
    assert functions.call(environment).logs.startswith("one two\n")


def test_json_logs(functions: Any) -> None:
    code = """
    import logging
    log = logging.getLogger("shop")
    def handler(event, context):
        log.info("sold %s", "apples", extra={"amount": 3})
        raise ValueError("no")
    """
    result = functions.run(code, log_format="JSON", log_level="INFO")
    sold, failed = map(json.loads, result.logs.splitlines())
    wanted = {
        "level": "INFO",
        "message": "sold apples",
        "logger": "shop",
        "amount": 3,
        "requestId": functions.REQUEST,
    }
    assert wanted.items() <= sold.items()
    assert (failed["level"], failed["errorType"], failed["errorMessage"]) == ("ERROR", "ValueError", "no")


def test_a_hundred_megabytes_of_output_are_cut(functions: Any) -> None:
    code = """
    import sys
    def handler(event, context):
        for _ in range(100):
            sys.stdout.write("x" * 1_000_000)
        return "done"
    """
    result = functions.run(code)
    assert functions.value(result) == "done"
    assert LOG_KEPT < len(result.logs) < LOG_KEPT + 200
    assert result.logs.endswith(f"[labkit: {100_000_000 - LOG_KEPT:,} more bytes of output were dropped]\n")


def test_output_that_is_no_text(functions: Any) -> None:
    result = functions.run(
        "import os\ndef handler(event, context): os.write(1, b'\\xff\\xfe\\n'); print('\\udcff')"
    )
    assert result.logs == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\n\\udcff\n"


def test_one_call_at_a_time(functions: Any) -> None:
    environment = functions.start(
        "import time\ndef handler(event, context):\n    end = time.perf_counter() + 0.2\n"
        "    while time.perf_counter() < end: pass"
    )
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(functions.call(environment)))
    thread.start()
    while not environment._lock.locked():
        pass
    with pytest.raises(Busy, match="serves a call already"):
        functions.call(environment)
    thread.join()
    assert results[0].error is None


def test_an_environment_that_has_ended_says_so(functions: Any) -> None:
    environment = functions.start("def handler(event, context): pass")
    environment.stop()
    environment.stop()
    with pytest.raises(LabkitError, match="has ended. Start another one"):
        environment.invoke(Invocation())


def test_a_large_event_and_a_large_reply(functions: Any) -> None:
    environment = functions.start("def handler(event, context): return event", memory_mb=512)
    event = "x" * 5_900_000
    assert functions.value(functions.call(environment, event)) == event
