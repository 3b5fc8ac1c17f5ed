// Saves rows as a CSV file that spreadsheets open without executing formulas.
"use strict";

callmood.csvCell = function (value) {
  const text = value === null || value === undefined ? "" : String(value);
  // A spreadsheet executes text that begins with one of these characters. Numbers are safe.
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",;\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

callmood.saveCsv = function (name, columns, rows) {
  const lines = [columns, ...rows].map((row) => row.map(callmood.csvCell).join(","));
  const blob = new Blob([`\ufeff${lines.join("\r\n")}\r\n`], { type: "text/csv" }); // Excel needs the byte order mark
  const link = callmood.h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
};
