project = "Sphinx example"
extensions = []
html_theme = "alabaster"
