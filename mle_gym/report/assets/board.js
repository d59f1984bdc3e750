/* A leaderboard of records that were verified: a table for each task, and what doesn't count. */

function boardCards(data, filter) {
  const tasks = [...new Set(data.board.rows.map(row => row.task))];
  return [boardCard(data, tasks, filter), data.board.refused.length ? refusedCard(data.board.refused) : null];
}

function boardCard(data, tasks, filter) {
  const heads = [
    { name: "task" }, { name: "#", number: true }, { name: "agent" },
    { name: "anchored", number: true, title: "Mean anchored score; a record without a valid submission is 0" },
    { name: "best score", number: true }, { name: "metric" },
    { name: "records", number: true, title: "How many records count. Nobody can see how many were left out." },
    { name: "valid", number: true }, { name: "medals" }, { name: "suspicious", number: true },
  ];
  const rows = tasks.flatMap(task => data.board.rows.filter(row => row.task === task).map((row, place) => make("tr", {},
    make("td", {}, place === 0 ? taskName(task) : ""),
    make("td", { class: "place" }, place + 1),
    make("th", { scope: "row" }, make("button", { type: "button", class: "link", on: { click: () => filter({ agent: row.agent, task }) } }, row.agent)),
    make("td", { class: "number strong" }, fixed(row.anchored)),
    make("td", { class: "number" }, score(row.best)), make("td", {}, row.metric),
    make("td", { class: "number" }, row.records), make("td", { class: "number" }, row.valid),
    make("td", {}, Object.entries(row.medals).map(([medal, number]) => `${number} ${medal}`).join(", ") || dash),
    make("td", { class: "number" }, row.suspicious || dash))));
  return section("leaderboard", "Leaderboard", "Each record was graded again from the predictions in it, and audited, when this page was made.",
    rows.length ? table("Leaderboard", heads, rows, "board") : make("p", {}, "No record counts yet."));
}

function refusedCard(refused) {
  const rows = refused.map(each => make("tr", {}, make("th", { scope: "row" }, each.path), make("td", {}, each.reason)));
  return section("refused", "Records that don't count", null, table("Records that don't count", [{ name: "record" }, { name: "why" }], rows, "list"));
}
