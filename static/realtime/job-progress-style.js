/** The looks of <job-progress>, for a constructed sheet, which a strict Content-Security-Policy allows. */

export const STYLE = `
:host { display: block; font: 14px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: light-dark(#171b21, #e9edf2); }
:host([hidden]) { display: none; }
section { border: 1px solid light-dark(#dde1e6, #2b323b); border-radius: 10px; padding: 12px 14px; background: light-dark(#ffffff, #191d23); }
section { --tone: light-dark(#5c6672, #8c97a4); }
section[data-status="queued"], section[data-status="running"] { --tone: light-dark(#006a78, #4fcbdb); }
section[data-status="completed"] { --tone: light-dark(#17733f, #5bc98a); }
section[data-status="failed"], section[data-status="lost"] { --tone: light-dark(#bf2a2a, #ff8580); }
section[data-status="cancelled"] { --tone: light-dark(#84570b, #e0b04f); }
header { display: flex; flex-wrap: wrap; gap: 4px 12px; justify-content: space-between; align-items: baseline; }
b { font-weight: 600; overflow-wrap: anywhere; }
[part="status"] { color: var(--tone); font-variant-numeric: tabular-nums; }
ul { list-style: none; margin: 8px 0 0; padding: 0; }
ul:empty { display: none; }
li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 12px; padding: 6px 0; border-top: 1px solid light-dark(#eceff2, #242a32); }
li { --tone: light-dark(#5c6672, #8c97a4); }
li[data-state="running"] { --tone: light-dark(#006a78, #4fcbdb); }
li[data-state="success"] { --tone: light-dark(#17733f, #5bc98a); }
li[data-state="error"] { --tone: light-dark(#bf2a2a, #ff8580); }
li[data-state="stopped"], li[data-state="cancelled"], li[data-state="stalled"] { --tone: light-dark(#84570b, #e0b04f); }
.name { overflow-wrap: anywhere; }
.state { color: var(--tone); text-align: end; }
.count { grid-column: 1 / -1; color: light-dark(#55606d, #a9b3bf); font-variant-numeric: tabular-nums; }
[role="progressbar"] { grid-column: 1 / -1; height: 4px; margin-top: 6px; border-radius: 2px; background: light-dark(#e3e7eb, #2b323b); overflow: hidden; }
[role="progressbar"][hidden] { display: none; }
[role="progressbar"] i { display: block; height: 100%; background: var(--tone); }
p { margin: 8px 0 0; overflow-wrap: anywhere; }
[part="reason"] { color: var(--tone); }
[part="problem"] { color: light-dark(#55606d, #a9b3bf); }
section[data-stale="true"] :is(header, ul) { filter: grayscale(1); }
`;
