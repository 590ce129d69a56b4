export default () => <h1>Preact CLI example</h1>;
