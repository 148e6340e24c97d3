import { posix } from "node:path";
import { parseSync, Visitor } from "oxc-parser";

/** One source file: its path from the repository root, with forward slashes, and its text. */
export interface SourceFile {
  path: string;
  text: string;
}

/** What the rules look at in one file. Targets are paths from the repository root. */
export interface SourceFacts {
  path: string;
  lines: number;
  generated: boolean;
  imports: { target: string; line: number }[];
  anyTypes: number[];
  leftovers: number[];
  parseErrors: string[];
}

/** Folder → the other folders its sources may import. Read downwards, imports only go up. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  snapshots: ["protocol"],
  client: ["protocol"],
  engine: ["protocol", "snapshots"],
  replicator: ["protocol", "snapshots", "engine"],
  gateway: ["protocol", "snapshots", "engine", "replicator"],
  console: ["protocol", "client"],
  bench: ["protocol", "snapshots", "client", "engine", "replicator", "gateway"],
  deploy: ["protocol", "snapshots", "client", "engine", "replicator", "gateway", "bench"],
  test: ["protocol", "snapshots", "client", "engine", "replicator", "gateway", "console", "bench", "deploy"],
};

/** What a test beside its source may import on top of what its folder may. */
const TEST_FILE_EXTRAS: readonly string[] = ["client", "test"];

export const FILE_LINES_MAX = 400;

/** Files longer than `FILE_LINES_MAX`, each with the reason why splitting it would make it harder to read. */
const LONG_FILES: Readonly<Record<string, string>> = {};

const SOURCE_FILE = /\.(?:[cm]?[jt]s|tsx)$/;
const TEST_FILE = /\.test\.tsx?$/;
const LEFTOVER = /\b(?:TODO|FIXME|XXX)\b/;

export function isSourcePath(path: string): boolean {
  return SOURCE_FILE.test(path);
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** The top folder of a path; files at the root have none. */
function folderOf(path: string): string {
  const slash = path.indexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** Parses one file. Counts as an import: static, type-only, re-exported, dynamic, `import("…")` types and worker entries. */
export function inspect(file: SourceFile): SourceFacts {
  const { program, comments, errors } = parseSync(file.path, file.text);
  const facts: SourceFacts = {
    path: file.path,
    lines: file.text.split("\n").length - (file.text.endsWith("\n") ? 1 : 0),
    generated: /^\W*@generated\b/.test(file.text),
    imports: [],
    anyTypes: [],
    leftovers: [],
    parseErrors: errors.map((error) => error.message),
  };
  const addImport = (specifier: string, offset: number): void => {
    if (!specifier.startsWith("./") && !specifier.startsWith("../")) return;
    const target = posix.join(posix.dirname(file.path), specifier);
    facts.imports.push({ target, line: lineAt(file.text, offset) });
  };
  new Visitor({
    ImportDeclaration: (node) => addImport(node.source.value, node.start),
    ExportAllDeclaration: (node) => addImport(node.source.value, node.start),
    ExportNamedDeclaration: (node) => node.source && addImport(node.source.value, node.start),
    TSImportType: (node) => addImport(node.source.value, node.start),
    ImportExpression: (node) => {
      const { source } = node;
      if (source.type === "Literal" && typeof source.value === "string") addImport(source.value, node.start);
    },
    NewExpression: (node) => {
      const [path, base] = node.arguments;
      if (node.callee.type !== "Identifier" || node.callee.name !== "URL" || path?.type !== "Literal") return;
      if (base?.type !== "MemberExpression" || base.object.type !== "MetaProperty") return;
      // Only code is an import: a page or a data file beside the module is not.
      if (typeof path.value === "string" && isSourcePath(path.value)) addImport(path.value, node.start);
    },
    TSAnyKeyword: (node) => facts.anyTypes.push(lineAt(file.text, node.start)),
  }).visit(program);
  for (const comment of comments) {
    if (LEFTOVER.test(comment.value)) facts.leftovers.push(lineAt(file.text, comment.start));
  }
  return facts;
}

/** Sources in a top folder that `LAYERS` does not know. */
export function unknownFolders(files: readonly SourceFacts[]): string[] {
  const folders = new Set(files.map((file) => folderOf(file.path)).filter((folder) => folder !== ""));
  return [...folders].filter((folder) => !Object.hasOwn(LAYERS, folder)).map((folder) => `${folder}/: not in LAYERS`);
}

/** Imports that go the wrong way between top folders. */
export function wrongWayImports(files: readonly SourceFacts[]): string[] {
  const found: string[] = [];
  for (const file of files) {
    const from = folderOf(file.path);
    if (from === "") continue;
    const allowed = new Set([from, "", ...(LAYERS[from] ?? [])]);
    if (TEST_FILE.test(file.path)) for (const folder of TEST_FILE_EXTRAS) allowed.add(folder);
    for (const { target, line } of file.imports) {
      if (!allowed.has(folderOf(target))) found.push(`${file.path}:${line}: ${from} must not import ${target}`);
    }
  }
  return found;
}

/** Import cycles among files, each reported once as the path that closes it. */
export function importCycles(files: readonly SourceFacts[]): string[] {
  const graph = new Map(files.map((file) => [file.path, file.imports.map(({ target }) => target)]));
  const done = new Set<string>();
  const trail: string[] = [];
  const found: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(" → "));
    if (start >= 0 || done.has(path)) return;
    trail.push(path);
    for (const target of graph.get(path) ?? []) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return found;
}

/** Files above the limit that are not listed, and entries of the list that are no longer needed. */
export function overlongFiles(
  files: readonly SourceFacts[],
  listed: Readonly<Record<string, string>> = LONG_FILES,
): string[] {
  const long = files.filter((file) => file.lines > FILE_LINES_MAX && !file.generated);
  const unlisted = long.filter((file) => !Object.hasOwn(listed, file.path));
  const stale = Object.keys(listed).filter((path) => !long.some((file) => file.path === path));
  return [
    ...unlisted.map((file) => `${file.path}: ${file.lines} lines, at most ${FILE_LINES_MAX}`),
    ...stale.map((path) => `${path}: listed in LONG_FILES without need`),
  ];
}

/** Comments that mark unfinished work. */
export function leftovers(files: readonly SourceFacts[]): string[] {
  return files.flatMap((file) => file.leftovers.map((line) => `${file.path}:${line}: unfinished work`));
}

/** Uses of the type `any`. */
export function anyTypes(files: readonly SourceFacts[]): string[] {
  return files.flatMap((file) => file.anyTypes.map((line) => `${file.path}:${line}: any`));
}

/** Files the parser does not understand, which the other rules would judge wrongly. */
export function unparsable(files: readonly SourceFacts[]): string[] {
  return files.flatMap((file) => file.parseErrors.map((message) => `${file.path}: ${message}`));
}
