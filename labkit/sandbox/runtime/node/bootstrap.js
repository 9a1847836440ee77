// Runs a function's handler for each event that comes through a pipe. See bridge.py.
"use strict";
const fs = require("fs");
const net = require("net");
const path = require("path");
const readline = require("readline");
const { pathToFileURL } = require("url");
const util = require("util");

const [input, output] = process.env.LABKIT_PIPES.split(",").map(Number);
const task = process.env.LABKIT_TASK;
delete process.env.LABKIT_PIPES;
delete process.env.LABKIT_TASK;
const tmp = process.env.TMPDIR;
const say = fs.writeSync.bind(fs, output);
let requestId = "";

// A function knows its folders by the names they have on AWS.
const real = (name) => {
  if (typeof name !== "string" || name.startsWith(path.dirname(task) + "/")) return name;
  if (name === "/tmp" || name.startsWith("/tmp/")) return tmp + name.slice(4);
  if (name === "/var/task" || name.startsWith("/var/task/")) return task + name.slice(9);
  return name;
};
const translate = (module) => {
  for (const [name, original] of Object.entries(module)) {
    if (typeof original === "function" && !/^[A-Z]|^_/.test(name)) {
      module[name] = Object.assign(function (first, ...rest) {
        return original.call(this, real(first), ...rest);
      }, original);
    }
  }
};
translate(fs);
translate(fs.promises);

for (const [name, level] of [["log", "INFO"], ["info", "INFO"], ["debug", "DEBUG"], ["warn", "WARN"], ["error", "ERROR"]]) {
  console[name] = (...words) => {
    const text = util.format(...words).replace(/\n/g, "\r");
    process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${text}\n`);
  };
}

const described = (error) => {
  if (!(error instanceof Error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  }
  return { errorType: error.name, errorMessage: error.message, trace: String(error.stack || "").split("\n") };
};
const answer = (reply) => say(JSON.stringify(reply) + "\n");
const fail = (error) => {
  const told = described(error);
  console.error("Invoke Error", "\t", JSON.stringify({ ...told, stack: told.trace }));
  answer({ error: told });
};

function broken(kind, text) {
  const error = new Error(text);
  error.name = kind;
  return error;
}

async function load() {
  const [folder, base] = [path.dirname(process.env._HANDLER), path.basename(process.env._HANDLER)];
  const [, name, inner] = /^([^.]*)\.(.+)$/.exec(base) || [];
  if (!name) throw broken("Runtime.MalformedHandlerName", "Bad handler");
  const place = path.resolve(task, folder, name);
  const file = ["", ".js", ".mjs", ".cjs"].map((end) => place + end).find((one) => fs.existsSync(one) && fs.statSync(one).isFile());
  if (!file) throw broken("Runtime.ImportModuleError", `Error: Cannot find module '${name}'`);
  let found;
  try {
    found = await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw broken("Runtime.UserCodeSyntaxError", `SyntaxError: ${error.message}`);
    if (/Cannot find (module|package)/.test(error.message)) throw broken("Runtime.ImportModuleError", `Error: ${error.message}`);
    throw error;
  }
  let handler = found;
  for (const part of inner.split(".")) handler = handler && (handler[part] ?? (handler.default && handler.default[part]));
  if (handler === undefined) throw broken("Runtime.HandlerNotFound", `${base} is undefined or not exported`);
  if (typeof handler !== "function") throw broken("Runtime.HandlerNotFound", `${base} is not a function`);
  return handler;
}

function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error ? reject(error) : resolve(result));
    const end = { done: callback, succeed: resolve, fail: reject };
    try {
      const given = handler(event, Object.assign(context, end), callback);
      if (given && typeof given.then === "function") given.then(resolve, reject);
      else if (handler.length < 3 && given !== undefined) resolve(given);
      else if (handler.length < 3) resolve(null);
    } catch (error) {
      reject(error);
    }
  });
}

async function main() {
  let handler, failure;
  try {
    handler = await load();
  } catch (error) {
    failure = error;
  }
  answer({ ready: true });
  for await (const line of readline.createInterface({ input: new net.Socket({ fd: input, writable: false }) })) {
    const { event, remaining, trace, context } = JSON.parse(line);
    requestId = context.awsRequestId;
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    const end = Date.now() + remaining;
    context.getRemainingTimeInMillis = () => Math.max(0, end - Date.now());
    context.callbackWaitsForEmptyEventLoop = true;
    if (failure) {
      fail(failure);
      continue;
    }
    try {
      const result = await run(handler, event, context);
      answer({ value: result === undefined ? null : result });
    } catch (error) {
      fail(error);
    }
  }
}

process.on("uncaughtException", (error) => {
  console.error("Uncaught Exception", "\t", JSON.stringify(described(error)));
  process.exit(129);
});
main();
