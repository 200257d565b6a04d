#!/bin/bash
set -uxo pipefail
cd /testbed
git config --global --add safe.directory /testbed
git status
git show
git -c core.fileMode=false diff 6640500cb7e06314313352bfb635ca2dbe3971df
git checkout 6640500cb7e06314313352bfb635ca2dbe3971df tests/test_render.py tests/test_width.py
git apply -v - <<'EOF_114329324912'
diff --git a/tests/test_render.py b/tests/test_render.py
index 089aff7d6a..9ec514b383 100644
--- a/tests/test_render.py
+++ b/tests/test_render.py
@@ -32,6 +32,15 @@ class RenderTest(unittest.TestCase):
         with self.assertRaises(ValueError):
             Column("a", align="middle")
 
+    def test_decomposed_accents_do_not_widen_a_column(self):
+        table = Table("who", "n")
+        table.add("Rene\u0301", 1)
+        table.add("Anna", 2)
+        self.assertEqual(
+            table.render().splitlines(),
+            ["who  | n", "-----+--", "Rene\u0301 | 1", "Anna | 2"],
+        )
+
 
 if __name__ == "__main__":
     unittest.main()
diff --git a/tests/test_width.py b/tests/test_width.py
index d363a1900e..6ffa1f6f55 100644
--- a/tests/test_width.py
+++ b/tests/test_width.py
@@ -10,6 +10,13 @@ class TextWidthTest(unittest.TestCase):
     def test_wide_characters_take_two_cells(self):
         self.assertEqual(text_width("\u6f22\u5b57"), 4)
 
+    def test_combining_marks_take_no_cells(self):
+        self.assertEqual(text_width("cafe\u0301"), 4)
+        self.assertEqual(text_width("x\u0304"), 1)
+
+    def test_zero_width_space_takes_no_cells(self):
+        self.assertEqual(text_width("foo\u200bbar"), 6)
+
     def test_colour_takes_no_cells(self):
         self.assertEqual(text_width("\x1b[31mred\x1b[0m"), 3)
 
@@ -18,6 +25,9 @@ class PadTest(unittest.TestCase):
     def test_wide_text_gets_fewer_blanks(self):
         self.assertEqual(pad("\u6f22", 4), "\u6f22  ")
 
+    def test_combining_marks_do_not_cost_blanks(self):
+        self.assertEqual(pad("x\u0304", 3, "right"), "  x\u0304")
+
     def test_center_puts_the_odd_blank_behind(self):
         self.assertEqual(pad("ab", 5, "center"), " ab  ")
 

EOF_114329324912
: '>>>>> Start Test Output'
python3 -m unittest -v tests.test_render tests.test_width
: '>>>>> End Test Output'
git checkout 6640500cb7e06314313352bfb635ca2dbe3971df tests/test_render.py tests/test_width.py
