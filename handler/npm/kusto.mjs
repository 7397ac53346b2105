// Analyses queries as the Kusto language service does: node kusto.mjs < {"tables": {name: columns}, "queries": {name: text}}.
// Prints, by query, what is wrong with it and the columns that it gives.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { runInThisContext } from "node:vm";

// The package is a script for browsers: it needs its runtime as a global, and makes itself one.
const folder = dirname(createRequire(import.meta.url).resolve("@kusto/language-service-next"));
for (const script of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  runInThisContext(readFileSync(join(folder, script), "utf8"), { filename: script });
}
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

const list = (items) => Array.from({ length: items.Count }, (_, i) => items.getItem(i));
const { tables, queries } = JSON.parse(readFileSync(0, "utf8"));
const symbols = Object.entries(tables).map(([name, columns]) => new Symbols.TableSymbol.$ctor7(name, columns, null));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("logs", symbols));

const found = {};
for (const [name, text] of Object.entries(queries)) {
  const code = KustoCode.ParseAndAnalyze(text, globals);
  found[name] = {
    problems: list(code.GetDiagnostics()).map((d) => `${d.Severity} ${d.Code} at ${d.Start}: ${d.Message}`),
    columns: code.ResultType ? list(code.ResultType.Columns).map((c) => c.Name) : [],
  };
}
console.log(JSON.stringify(found));
