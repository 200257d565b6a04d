#!/bin/bash
set -uxo pipefail
cd /testbed
git config --global --add safe.directory /testbed
git status
git show
git -c core.fileMode=false diff 4d47de228d79d9e8be9f326e333eec60cd4699c5
git checkout 4d47de228d79d9e8be9f326e333eec60cd4699c5 tests/test_markdown.py
git apply -v - <<'EOF_114329324912'
diff --git a/tests/test_markdown.py b/tests/test_markdown.py
index 97b909a6a3..d23cfb524b 100644
--- a/tests/test_markdown.py
+++ b/tests/test_markdown.py
@@ -18,3 +18,11 @@ class MarkdownTest(unittest.TestCase):
         table = Table("note")
         table.add("one\ntwo")
         self.assertEqual(to_markdown(table).splitlines()[-1], "| one<br>two |")
+
+    def test_a_pipe_in_a_heading_is_escaped(self):
+        table = Table("a|b", "c")
+        self.assertEqual(to_markdown(table).splitlines()[0], "| a\\|b | c |")
+
+    def test_a_line_break_in_a_heading_becomes_html(self):
+        table = Table("net\nweight")
+        self.assertEqual(to_markdown(table), "| net<br>weight |\n| :-- |")

EOF_114329324912
: '>>>>> Start Test Output'
python3 -m unittest -v tests.test_markdown
: '>>>>> End Test Output'
git checkout 4d47de228d79d9e8be9f326e333eec60cd4699c5 tests/test_markdown.py
