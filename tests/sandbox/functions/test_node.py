"""Functions in Node.js run where the machine has Node, and are refused clearly where it has not."""

# ruff: noqa: E501 (a row of a table, or of JavaScript, is one line)

from __future__ import annotations

from typing import Any

import pytest

from labkit.sandbox.runtime import node

needs_node = pytest.mark.skipif(node.program() is None, reason="this machine has no Node.js for labs")


def make(functions: Any, source: str, **settings: Any) -> None:
    given = {"Runtime": "nodejs24.x", "Handler": "index.handler", "MemorySize": 256, "Timeout": 10} | settings
    functions.make(Code={"ZipFile": functions.package(files={"index.mjs": source})}, **given)


@needs_node
def test_a_node_function_runs_and_stays_warm(functions: Any) -> None:
    make(
        functions,
        """
        let n = 0;
        export const handler = async (event, context) => {
          n += 1;
          console.log("call", n, event.word);
          return { n, id: context.awsRequestId, name: context.functionName, left: context.getRemainingTimeInMillis() };
        };
        """,
    )
    first = functions.call({"word": "tea"})[0]
    assert (first["n"], first["name"]) == (1, "f")
    assert 0 < first["left"] <= 10_000
    assert functions.call({"word": "milk"})[0]["n"] == 2
    assert any(line.endswith("\tINFO\tcall 1 tea") for line in functions.lines())


@needs_node
def test_old_style_handlers_with_a_callback_run(functions: Any) -> None:
    code = "exports.handler = function (event, context, callback) { callback(null, event.a + 1); };"
    functions.make(
        Code={"ZipFile": functions.package(files={"index.js": code})},
        Runtime="nodejs24.x", Handler="index.handler", MemorySize=256,
    )  # fmt: skip
    assert functions.call({"a": 1})[0] == 2


@needs_node
@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("export const handler = async () => { throw new TypeError('no tea'); };", "TypeError", "no tea"),
        ("export const other = 1;", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("import x from 'nothere'; export const handler = 1;", "Runtime.ImportModuleError", "nothere"),
        ("export const handler = (;", "Runtime.UserCodeSyntaxError", "SyntaxError"),
        ("export const handler = async () => process.exit(3);", "Runtime.ExitError", "exit status 3"),
        ("export const handler = async () => { while (true); };", "Sandbox.Timedout", "timed out after 1.00"),
    ],
)
def test_errors_have_nodes_form(functions: Any, source: str, kind: str, message: str) -> None:
    make(functions, source, **({"Timeout": 1} if kind == "Sandbox.Timedout" else {}))
    error, answer = functions.call()
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == kind
    assert message in error["errorMessage"]
    if kind == "TypeError":
        assert error["trace"][0] == "TypeError: no tea"


@needs_node
def test_it_has_its_folders_and_no_network(functions: Any) -> None:
    make(
        functions,
        """
        import fs from "fs";
        const attempt = async (action) => { try { await action(); return "done"; } catch (error) { return "refused"; } };
        export const handler = async () => [
          await attempt(() => { fs.writeFileSync("TMP/x", "1"); if (fs.readFileSync("TMP/x", "utf8") !== "1") throw 1; }),
          await attempt(() => fs.writeFileSync("/var/task/x", "1")),
          await attempt(() => fs.readdirSync("/var/lib")),
          await attempt(() => fetch("http://127.0.0.1:9")),
        ];
        """.replace("TMP", "/" + "tmp"),
    )
    assert functions.call()[0] == ["done", "refused", "refused", "refused"]


def test_other_runtimes_are_refused_with_the_cure(functions: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    functions.make(Runtime="java21", Handler="a.B::c")
    code, message = functions.refused(functions.call)
    assert code == "NotSimulated"
    assert "only Python and Node.js functions run here" in message
    functions.make(name="g", Runtime="nodejs24.x")
    monkeypatch.setattr(node, "program", lambda: None)
    assert "Install Node.js" in functions.refused(functions.call, name="g")[1]
