module.exports = (environment) => ({
  modulePrefix: "example-ember",
  environment,
  rootURL: "/",
  locationType: "history",
  EmberENV: {},
  APP: {},
});
