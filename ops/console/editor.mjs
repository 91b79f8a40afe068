// CodeMirror as the console uses it; its API is handed on to static/pathways_editor.js.
export { basicSetup } from "codemirror";
export { EditorView, keymap, Decoration, gutter, GutterMarker } from "@codemirror/view";
export { EditorState, Compartment, StateEffect, StateField } from "@codemirror/state";
export { indentWithTab } from "@codemirror/commands";
export { yaml } from "@codemirror/lang-yaml";
export { syntaxHighlighting } from "@codemirror/language";
export { classHighlighter } from "@lezer/highlight";
export { autocompletion, completionKeymap } from "@codemirror/autocomplete";
export { forceLinting, linter, lintGutter, lintKeymap, setDiagnostics, openLintPanel } from "@codemirror/lint";
export { MergeView, unifiedMergeView } from "@codemirror/merge";
