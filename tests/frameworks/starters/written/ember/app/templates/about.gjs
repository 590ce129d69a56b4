<template><h1>Second page</h1></template>
