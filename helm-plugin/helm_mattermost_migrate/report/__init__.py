"""What became of many migrations, put together for people: a page, Markdown, or JSON."""
