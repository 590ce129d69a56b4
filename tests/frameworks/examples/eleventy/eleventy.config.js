export default function (eleventyConfig) {
  eleventyConfig.addPassthroughCopy("style.css");
  return { dir: { output: "www" } };
}
