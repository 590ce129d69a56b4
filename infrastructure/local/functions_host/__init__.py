"""A local Azure Functions host: runs one staged app as Azure would, without Core Tools.

It knows exactly the features that our apps declare (anonymous HTTP, queue, Kafka and timer
triggers) and refuses anything else at start, by name. The rules that it keeps were read in the
sources of the Functions host, its extensions and the Python worker; where it differs on
purpose, the module says so. It never imports the project's own code: that comes from the
staged folder.
"""
