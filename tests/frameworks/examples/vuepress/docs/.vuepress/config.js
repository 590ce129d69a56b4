import { viteBundler } from "@vuepress/bundler-vite";
import { defaultTheme } from "@vuepress/theme-default";
import { defineUserConfig } from "vuepress";

export default defineUserConfig({
  title: "VuePress example",
  bundler: viteBundler(),
  theme: defaultTheme(),
});
