"""The one style sheet of everything labkit shows below a cell.

Colours follow the notebook: JupyterLab's `--jp-*` variables, then VS Code's `--vscode-*`, then plain values.
Status colours are our own, because no theme variable is dark enough in a light theme *and* light enough in a dark
one: each pair below has a contrast of at least 4.5 : 1 on its ground (WCAG 2.2 AA). They are blue-green and
orange-red, told apart with every common colour vision; and the word always stands beside them.
"""

from __future__ import annotations

from typing import Final

from labkit.judging.card import esc

_LIGHT: Final = (
    "--lk-pass:#00654a;--lk-pass-bg:#e3f4ee;--lk-fail:#a33b00;--lk-fail-bg:#fdeee4;"
    "--lk-wait:#55606e;--lk-wait-bg:#eef1f4;--lk-odd:#6b3fa0;--lk-odd-bg:#f2ebfa;"
    "--lk-info:#0f5a93;--lk-info-bg:#e6f1fa;--lk-soft:#55606e;--lk-code-bg:rgba(90,107,134,.11)"
)
_DARK: Final = (
    "--lk-pass:#5fd3a8;--lk-pass-bg:#17362c;--lk-fail:#ffa46b;--lk-fail-bg:#402718;"
    "--lk-wait:#b3bdc9;--lk-wait-bg:#30363d;--lk-odd:#cdb3f5;--lk-odd-bg:#352a47;"
    "--lk-info:#8cc7f2;--lk-info-bg:#1a3348;--lk-soft:#b3bdc9;--lk-code-bg:rgba(180,195,215,.15)"
)

_CSS: Final = (
    ".labkit.labkit{"
    "--lk-ink:var(--jp-content-font-color1,var(--vscode-editor-foreground,#1f2933));"
    "--lk-ground:var(--jp-layout-color1,var(--vscode-editor-background,#fff));"
    "--lk-line:var(--jp-border-color2,var(--vscode-panel-border,#d9dee4));"
    "--lk-mono:var(--jp-code-font-family,var(--vscode-editor-font-family,ui-monospace,Menlo,Consolas,monospace));"
    f"{_LIGHT};"
    "font-family:var(--jp-ui-font-family,var(--vscode-font-family,system-ui,sans-serif));"
    "font-size:var(--jp-content-font-size1,14px);line-height:1.5;color:var(--lk-ink);background:var(--lk-ground);"
    "border:1px solid var(--lk-line);border-left:4px solid var(--lk-tone);border-radius:6px;"
    "max-width:54em;margin:4px 0 8px;padding:10px 16px 10px;overflow-wrap:break-word;box-sizing:border-box}"
    'body[data-jp-theme-light="false"] .labkit.labkit,body.vscode-dark .labkit.labkit,'
    f"body.vscode-high-contrast:not(.vscode-high-contrast-light) .labkit.labkit{{{_DARK}}}"
    ".labkit.lk-pass{--lk-tone:var(--lk-pass)}.labkit.lk-fail{--lk-tone:var(--lk-fail)}"
    ".labkit.lk-wait{--lk-tone:var(--lk-wait)}.labkit.lk-odd{--lk-tone:var(--lk-odd)}"
    ".labkit.lk-info{--lk-tone:var(--lk-info)}"
    ".labkit.labkit p,.labkit.labkit ul,.labkit.labkit ol,.labkit.labkit dl,.labkit.labkit dd,.labkit.labkit li,"
    ".labkit.labkit pre{margin:0;padding:0}"
    ".labkit.labkit code{font-family:var(--lk-mono);font-size:.92em;color:inherit;background:var(--lk-code-bg);"
    "border-radius:3px;padding:1px 4px;white-space:pre-wrap}"
    ".labkit.labkit pre{font-family:var(--lk-mono);font-size:.92em;line-height:1.45;color:inherit;"
    "background:var(--lk-code-bg);border-radius:4px;padding:8px 12px;margin:6px 0;white-space:pre;overflow:auto}"
    # the head line
    ".labkit .lk-head{display:flex;flex-wrap:wrap;align-items:baseline;gap:2px 12px}"
    ".labkit .lk-word{color:var(--lk-tone);font-weight:700;letter-spacing:.03em;white-space:nowrap}"
    ".labkit .lk-title{font-weight:600;flex:1 1 16em}"
    ".labkit .lk-side{color:var(--lk-soft);white-space:nowrap;font-variant-numeric:tabular-nums}"
    ".labkit.labkit .lk-lead{margin:6px 0 2px}"
    # the criteria
    ".labkit.labkit .lk-list{list-style:none;margin:8px 0 2px}"
    ".labkit.labkit .lk-list>li{display:flex;gap:12px;padding:7px 0;border-top:1px solid var(--lk-line)}"
    ".labkit .lk-mark{flex:0 0 8.4em;font-weight:600;font-size:.86em;line-height:1.75;white-space:nowrap}"
    ".labkit li.lk-pass>.lk-mark{color:var(--lk-pass)}.labkit li.lk-fail>.lk-mark{color:var(--lk-fail)}"
    ".labkit li.lk-wait>.lk-mark,.labkit li.lk-wait .lk-wanted{color:var(--lk-wait)}"
    ".labkit .lk-what{flex:1;min-width:0}.labkit li.lk-fail .lk-wanted{font-weight:600}"
    ".labkit.labkit dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 10px;margin:3px 0 0}"
    ".labkit.labkit dt{color:var(--lk-soft);font-weight:400;margin:0;padding:0;float:none;width:auto}"
    ".labkit.labkit li.lk-pass dl{color:var(--lk-soft)}"
    # below them
    ".labkit.labkit .lk-ask{background:var(--lk-info-bg);border-radius:4px;padding:6px 12px;margin:8px 0}"
    ".labkit.labkit .lk-next{display:flex;gap:12px;border-top:1px solid var(--lk-line);padding:8px 0 2px;margin-top:6px}"
    ".labkit .lk-next>strong{flex:0 0 7.2em;font-size:.86em;line-height:1.75;font-weight:600}"
    ".labkit.labkit .lk-next ul{list-style:none;flex:1}"
    ".labkit.labkit .lk-note{color:var(--lk-soft);margin:6px 0 0}"
    ".labkit.labkit .lk-small{color:var(--lk-soft);font-size:.82em;margin:6px 0 0}"
    ".labkit summary{cursor:pointer;color:var(--lk-soft);font-size:.9em;margin-top:6px}"
    # tables
    ".labkit .lk-wide{overflow-x:auto;margin:8px 0 2px}"
    ".labkit.labkit table{border-collapse:collapse;border:0;margin:0;width:100%;font-size:.93em;table-layout:auto}"
    ".labkit.labkit caption{text-align:left;font-weight:600;padding:2px 0 4px;caption-side:top;color:inherit}"
    ".labkit.labkit th,.labkit.labkit td{text-align:left;vertical-align:top;padding:4px 14px 4px 0;border:0;"
    "border-bottom:1px solid var(--lk-line);background:none;color:inherit;max-width:30em}"
    ".labkit.labkit thead th{color:var(--lk-soft);font-weight:600;white-space:nowrap}"
    ".labkit.labkit tbody th{font-weight:400}"
    ".labkit.labkit tr,.labkit.labkit tbody tr:hover{background:none}"
    ".labkit.labkit .lk-num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".labkit .lk-is-pass{color:var(--lk-pass);font-weight:600}.labkit .lk-is-fail{color:var(--lk-fail);font-weight:600}"
    ".labkit .lk-is-wait{color:var(--lk-wait)}"
)


def page(inner: str, *, tone: str = "info", live: bool = False, label: str = "", css: str = "") -> str:
    """One self-contained card: its own style, no script.

    `tone` is pass, fail, wait, odd or info. `live` makes a screen reader speak it when it appears.
    `css` are further rules, scoped by `.labkit`.
    """
    role = ' role="status"' if live else ""
    name = f' aria-label="{esc(label)}"' if label and not live else ""
    if name:
        role = ' role="group"'
    return f'<div class="labkit lk-{tone}"{role}{name}><style>{_CSS}{css}</style>{inner}</div>'
