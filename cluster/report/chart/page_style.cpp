#include "cluster/report/chart/page_parts.hpp"

namespace dsrun {

// Kinds differ in hue and, for those who do not see it, in lightness; what is idle is pale.
std::string_view page_style() {
  return R"(
:root { color-scheme: light dark; --back: #fff; --text: #1d2430; --faint: #667080; --line: #d6dbe3;
  --F: #6aa5f0; --Fq: #a9cbf7; --B: #3f9d6b; --Bq: #7fc5a0; --I: #2ba5a5; --Iq: #86cfcf; --W: #e0b13c; --Wq: #f0d58c;
  --end: #a583d6; --end2: #8460bd; --end3: #c4afe6; --on: #10161f;
  --warm: #d9e2f2; --drain: #e0d6f1; --peer: #f5c9c3; --link: #f6bf8f; --sync: #e4e4e4; }
@media (prefers-color-scheme: dark) { :root { --back: #14181f; --text: #dfe5ee; --faint: #8f9bad; --line: #333c4a;
  --F: #5c96e0; --Fq: #9cc0f0; --B: #3d9868; --Bq: #74b894; --I: #2f9d9d; --Iq: #7cc2c2; --W: #cfa034; --Wq: #e2c67e;
  --warm: #28303f; --drain: #33294a; --peer: #52302e; --link: #7d4a22; --sync: #333840; } }
body { font: 14px/1.45 system-ui, sans-serif; background: var(--back); color: var(--text); margin: 24px auto;
  max-width: 1500px; padding: 0 24px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 28px 0 8px; }
dl { display: flex; flex-wrap: wrap; gap: 10px 32px; margin: 16px 0; }
dt { color: var(--faint); font-size: 12px; } dd { margin: 0; font-size: 16px; font-variant-numeric: tabular-nums; }
.note, label { color: var(--faint); font-size: 13px; }
.chart { display: flex; margin-top: 8px; }
.labels { flex: none; padding: 18px 12px 0 0; }
.label { height: 70px; margin-bottom: 6px; line-height: 28px; white-space: nowrap; color: var(--faint); font-size: 12px; }
.label b { color: var(--text); font-weight: 600; }
.scroll { flex: 1; overflow-x: auto; } .time { position: relative; padding-top: 18px; min-width: var(--width); }
.time svg { display: block; width: 100%; } .lane { height: 28px; margin-bottom: 6px; }
.live { height: 40px; margin: -4px 0 6px; overflow: visible; } .live svg { height: 40px; }
.live text { font-size: 10px; fill: var(--text); stroke: var(--back); stroke-width: 2px; paint-order: stroke; } .live circle { fill: var(--text); }
.time .grid { position: absolute; inset: 0; height: 100%; pointer-events: none; }
.grid line { stroke: var(--line); } .grid text { fill: var(--faint); font-size: 11px; }
.lane, .live { position: relative; } .lane rect { stroke: var(--back); stroke-width: .6px; }
.lane text { font-size: 11px; fill: var(--on); text-anchor: middle; pointer-events: none; }
.lane g:hover rect { stroke: var(--text); stroke-width: 1.5px; }
#fit:checked ~ .chart .wide { min-width: 0; } #fit:checked ~ .chart .lane text, #fit:checked ~ .chart .minor text { display: none; }
#fit:checked ~ .chart .lane rect { stroke-width: .25px; }
.legend span { display: inline-block; margin: 0 16px 4px 0; font-size: 13px; }
i { display: inline-block; width: 14px; height: 14px; margin-right: 6px; border-radius: 2px; vertical-align: -2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: 3px 14px 3px 0; text-align: right; white-space: nowrap; } th { font-weight: 600; }
td:first-child, th:first-child { text-align: left; } tr + tr td { border-top: 1px solid var(--line); }
.side { display: flex; flex-wrap: wrap; gap: 0 64px; }
.memory { width: 100%; } .bars { width: 80%; } .memory tr td, .memory tr th { border: 0; padding: 2px 12px 2px 0; }
.bar { display: block; width: 100%; height: 20px; } .peak { stroke: var(--text); stroke-width: 2.5px; }
.limit { stroke: #e0443c; stroke-width: 2.5px; } .over { color: #e0443c; font-weight: 600; }
.F { fill: var(--F); background: var(--F); } .F.q { fill: var(--Fq); background: var(--Fq); }
.B { fill: var(--B); background: var(--B); } .B.q { fill: var(--Bq); background: var(--Bq); }
.I { fill: var(--I); background: var(--I); } .I.q { fill: var(--Iq); background: var(--Iq); }
.W { fill: var(--W); background: var(--W); } .W.q { fill: var(--Wq); background: var(--Wq); }
.both { background: linear-gradient(var(--F) 50%, var(--B) 50%); }
.R { fill: var(--end); background: var(--end); } .U { fill: var(--end2); background: var(--end2); }
.G { fill: var(--end3); background: var(--end3); }
.idle-warm-up { fill: var(--warm); background: var(--warm); } .idle-drain { fill: var(--drain); background: var(--drain); }
.idle-dependency { fill: var(--peer); background: var(--peer); } .idle-link { fill: var(--link); background: var(--link); }
.idle-synchronisation { fill: var(--sync); background: var(--sync); }
.m-weights { fill: #4878b8; background: #4878b8; } .m-gradients { fill: #7ba7dc; background: #7ba7dc; }
.m-optimizer { fill: #b3cdec; background: #b3cdec; } .m-saved { fill: #3f9d6b; background: #3f9d6b; }
.m-routed { fill: #9bc94f; background: #9bc94f; } .m-working { fill: #8fd3b6; background: #8fd3b6; }
.m-messages { fill: #e8964a; background: #e8964a; } .m-scratch { fill: #a9a9a9; background: #a9a9a9; }
)";
}

}  // namespace dsrun
