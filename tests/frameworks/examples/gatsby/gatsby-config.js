module.exports = {
  siteMetadata: { title: "Gatsby example" },
};
