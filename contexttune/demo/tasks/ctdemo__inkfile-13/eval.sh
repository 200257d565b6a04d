#!/bin/bash
set -uxo pipefail
cd /testbed
git config --global --add safe.directory /testbed
git status
git show
git -c core.fileMode=false diff 5554542ed74e67d67b4f4180ddecd3b1c02e8e6f
git checkout 5554542ed74e67d67b4f4180ddecd3b1c02e8e6f tests/test_convert.py
git apply -v - <<'EOF_114329324912'
diff --git a/tests/test_convert.py b/tests/test_convert.py
index 2cc7cfddc8..a9ac489e4f 100644
--- a/tests/test_convert.py
+++ b/tests/test_convert.py
@@ -37,3 +37,15 @@ class ConvertTest(unittest.TestCase):
             self.server.get_int("workers")
         with self.assertRaisesRegex(ConversionError, "grace cannot be '3w'"):
             self.server.get_seconds("grace")
+
+    def test_a_default_does_not_hide_a_bad_number(self):
+        with self.assertRaisesRegex(ConversionError, "workers cannot be '4x'"):
+            self.server.get_int("workers", 2)
+
+    def test_a_default_does_not_hide_a_bad_duration(self):
+        with self.assertRaisesRegex(ConversionError, "grace cannot be '3w'"):
+            self.server.get_seconds("grace", 60)
+
+    def test_a_default_does_not_hide_a_bad_flag(self):
+        with self.assertRaises(ConversionError):
+            self.server.get_bool("workers", False)

EOF_114329324912
: '>>>>> Start Test Output'
python3 -m unittest -v tests.test_convert
: '>>>>> End Test Output'
git checkout 5554542ed74e67d67b4f4180ddecd3b1c02e8e6f tests/test_convert.py
