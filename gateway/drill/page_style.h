#pragma once

namespace regent {

// The style sheet of a drill's page: dark where the reader's screen is, one column, tables that
// scroll by themselves where the window is narrower than they are. Kinds of bars differ in height
// or pattern as well as in colour.
inline constexpr const char* kPageStyle = R"css(
:root{color-scheme:light dark;--bg:#fff;--fg:#1d2430;--dim:#576171;--line:#dfe3ea;--track:#f1f3f6;
--good:#1b7a43;--bad:#b3261e;--act:#5b6472}
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--fg:#e6e9ee;--dim:#9ba5b3;--line:#2c333e;
--track:#1b212a;--good:#55c98c;--bad:#ff8075;--act:#8893a3}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:1080px;margin:0 auto;padding:24px 16px 64px;
background:var(--bg);color:var(--fg);overflow-wrap:anywhere}
h1{font-size:28px;line-height:1.2;margin:0 0 12px}
h2{font-size:20px;margin:40px 0 8px}
p{margin:8px 0}.note{color:var(--dim);font-size:14px}
.good{color:var(--good)}.bad{color:var(--bad)}
.verdict{font-size:19px;line-height:1.4;font-weight:600;border-left:6px solid;margin:16px 0;
padding:6px 0 6px 14px}
figure{margin:16px 0}figcaption{color:var(--dim);font-size:14px}
svg{display:block}.lanes{overflow:visible}
svg text{font:12px system-ui,sans-serif;fill:var(--fg)}
svg .name{paint-order:stroke;stroke:var(--bg);stroke-width:4px}
svg .tick{fill:var(--dim)}svg .in{fill:#fff}svg .wide{display:none}
@media(min-width:1000px){svg .wide{display:inline}}
.track{fill:var(--track)}.grid{stroke:var(--line)}
.mark{stroke:var(--act);stroke-dasharray:3 4}.live{stroke:var(--bad);stroke-width:3}
.r0{fill:#2563b0}.r1{fill:#7a4fb0}.r2{fill:#0f7683}.r3{fill:#a8327c}.r4{fill:#4d6a85}
.r5{fill:#5d7320}.r6{fill:#8a5a3c}.held{opacity:.5}
.fault{fill:#5b6472}.up{fill:#2b7a4b}.won{fill:#2b7a4b}.down,.failed{fill:#b3261e}
.hurt,.refused{fill:#9a5b00}.unknown{fill:url(#hatch)}.phase{fill:#2563b0}
.unseen{fill:#68707c}
.scroll{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;width:100%;font-size:15px}
caption{text-align:left;color:var(--dim);font-size:14px;padding:4px 0}
td,th{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);text-align:left;
vertical-align:top;font-weight:400;overflow-wrap:normal}
thead th{color:var(--dim);font-size:13px}tbody th{font-weight:600}
.n,td.good,td.bad{white-space:nowrap}.n{font-variant-numeric:tabular-nums}
.sum{white-space:nowrap;display:inline-block;margin-right:14px}
.bars{min-width:120px;width:40%;vertical-align:middle}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;padding:0;margin:8px 0;font-size:14px}
.key li{display:flex;align-items:center;gap:8px}
@media print{body{max-width:none}.scroll{overflow:visible}}
)css";

}  // namespace regent
