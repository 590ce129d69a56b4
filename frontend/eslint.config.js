import js from "@eslint/js";
import globals from "globals";

export default [
  {
    ignores: [
      "**/node_modules/**",
      ".local/**",
      ".build/**",
      "**/*.min.js",
      "tests/frameworks/examples/**",
      "tests/frameworks/starters/written/**",
    ],
  },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
    },
  },
  {
    files: ["frontend/status-page/**", "infrastructure/local/samples/**"],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["infrastructure/local/samples/express/*.js"],
    languageOptions: { globals: globals.node },
  },
  { files: ["frontend/*.js"], languageOptions: { globals: globals.node } },
  {
    files: ["tests/**"],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
  { files: ["**/*.cjs"], languageOptions: { sourceType: "commonjs", globals: globals.node } },
  {
    // njs: its own globals, the objects that nginx preloads, and patterns over raw request lines.
    files: ["infrastructure/gateway/njs/**"],
    languageOptions: {
      globals: {
        ...globals["shared-node-browser"],
        Buffer: "readonly",
        process: "readonly",
        ngx: "readonly",
        pages: "readonly",
        settings: "readonly",
        identity: "readonly",
      },
    },
    rules: {
      "no-control-regex": "off",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", caughtErrors: "none" }],
    },
  },
];
